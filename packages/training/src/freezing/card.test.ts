// The card of the bundled extractor, the card of any other run, and the statements that the latter must not make.

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { RunRecord } from "../pretraining/run/run-record.js";
import { cardOf } from "./card.js";
import type { Evaluation } from "./evaluation.js";
import { type FreezeOutcome, readOrigin } from "./freeze.js";

const bundled = join(import.meta.dirname, "../../../../assets/extractor");
let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "attune-card-"));
  cpSync(join(bundled, "run.json"), join(directory, "run.json"));
});
afterEach(() => rmSync(directory, { recursive: true }));

type FrozenRecord = RunRecord & { readonly frozen: FreezeOutcome; readonly evaluation: Evaluation };
const record: FrozenRecord = JSON.parse(readFileSync(join(bundled, "run.json"), "utf8"));

describe("A card", () => {
  test("of the bundled extractor is the one that ships, from its record and its card.json", () => {
    const { frozen, evaluation } = record;
    const card = cardOf(readOrigin(bundled), { frozen, evaluation: { ...evaluation, devRows: 1_109 } });
    expect(card).toBe(readFileSync(join(bundled, "README.md"), "utf8"));
  });

  test("of anybody's run says nothing of this repository, its machine or its measurements", () => {
    const { frozen } = record;
    const { checkpoint: _, teacher: __, ...untaught } = record;
    for (const run of [record, untaught]) {
      writeFileSync(join(directory, "run.json"), JSON.stringify(run));
      const card = cardOf(readOrigin(directory), { frozen });
      expect(card).toMatch(/^# A feature extractor pre-trained on GoEmotions and EmoryNLP\n/);
      expect(card).toContain("attune extractor freeze --run run --data goemotions --extra emorynlp --out frozen\n");
      expect(card).not.toMatch(
        /bundled (feature )?extractor|repository|CPU core|data\/|assets\/|over-predicts|Seed 1|1,109|billion sentence pairs/,
      );
    }
    expect(cardOf(readOrigin(directory), { frozen })).toContain("Licence: its maker's to state.");
  });

  test("says what its maker says in card.json, and refuses a field that it does not know", () => {
    const about = { version: 1, title: "Calls", licence: "Licence: MIT.", machine: "a laptop" };
    writeFileSync(join(directory, "card.json"), JSON.stringify(about));
    const card = cardOf(readOrigin(directory), { frozen: record.frozen });
    expect(card).toMatch(/^# Calls\n/);
    expect(card).toContain("Licence: MIT.");
    expect(card).toContain("21 minutes on a laptop,");
    writeFileSync(join(directory, "card.json"), JSON.stringify({ ...about, licens: "" }));
    expect(() => readOrigin(directory)).toThrow(/card\.json: its fields: .*licens/);
  });

  test.each([
    ["{", /import\.json is not JSON; import the checkpoint again/],
    ['{"version":1}', /import\.json: source: .*; import the checkpoint again/],
  ])("is not written of an import whose record is %s", (text, fault) => {
    writeFileSync(join(directory, "import.json"), text);
    expect(() => readOrigin(directory)).toThrow(fault);
  });
});
