// The error rates of the test that stops a rollout, by simulation. docs/rollout-error-rates.md is its output.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { createRandom, type Random } from "@attune/ml/tensor/random";
import { expect, test } from "vitest";
import { harmTest } from "./harm-test.js";

const page = fileURLToPath(new URL("../../../../docs/rollout-error-rates.md", import.meta.url));
const runs = 2_000;
const sizes = [50, 200, 1_000];
const usual = { bound: 0.2, liars: 0.1, alpha: 0.05 };

interface Fleet {
  readonly devices: number;
  /** The share of devices for which the release is worse. */
  readonly worseShare: number;
  readonly liars: number;
  /** The word of each liar. */
  readonly liesWorse: boolean;
}

type Order = "first" | "last" | "spread";

/** The verdicts of a fleet in the order of counting; true stands for `worse`. Liars are drawn from all devices. */
function drawVerdicts({ devices, worseShare, liars, liesWorse }: Fleet, order: Order, random: Random): boolean[] {
  const lying = Math.round(devices * liars);
  const words = Array.from({ length: devices }, (_, i) => (i < lying ? liesWorse : random.next() < worseShare));
  if (order === "last") words.reverse();
  if (order === "spread") random.shuffle(words);
  return words;
}

type Rule = (worse: number, verdicts: number) => boolean;

/** The rule's answers, each computed once. */
function remember(rule: Rule): Rule {
  const known = new Map<number, boolean>();
  return (worse, verdicts) => {
    const key = worse * 2_048 + verdicts;
    const answer = known.get(key) ?? rule(worse, verdicts);
    known.set(key, answer);
    return answer;
  };
}

const stops = remember((worse, verdicts) => harmTest({ ...usual, worse, verdicts }).stop);
const clears = remember((worse, verdicts) => harmTest({ ...usual, worse, verdicts }).shownHarmless);
/** Looks after each verdict from the tenth on as if it were the only look, and believes every verdict. */
const naiveStops: Rule = (worse, verdicts) =>
  verdicts >= 10 && worse / verdicts - usual.bound > 1.645 * Math.sqrt((usual.bound * (1 - usual.bound)) / verdicts);

/** The share of runs in which the rule fires at one of the looks, one after each verdict. */
function firingShare(fleet: Fleet, order: Order, rule: Rule): number {
  const random = createRandom(17);
  let fired = 0;
  for (let run = 0; run < runs; run++) {
    let worse = 0;
    const fires = drawVerdicts(fleet, order, random).some((word, i) => {
      if (word) worse++;
      return rule(worse, i + 1);
    });
    if (fires) fired++;
  }
  return fired / runs;
}

function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  return [header, header.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |\n`).join("");
}

const percent = (share: number) => `${(share * 100).toFixed(1)}%`;

function stopTable(worseShares: readonly number[]): string {
  const cases = worseShares.flatMap((worseShare) => [0, usual.liars].map((liars) => ({ worseShare, liars })));
  const columns: readonly [string, Order, Rule][] = [
    ["our test", "spread", stops],
    ["as they arrive, liars first", "first", stops],
    ["as they arrive, liars last", "last", stops],
    ["z-test", "spread", naiveStops],
    ["z-test, liars first", "first", naiveStops],
  ];
  const rows = cases.flatMap(({ worseShare, liars }) =>
    sizes.map((devices) => {
      const fleet = { devices, worseShare, liars, liesWorse: true };
      const shares = columns.map(([, order, rule]) => percent(firingShare(fleet, order, rule)));
      return [percent(worseShare), percent(liars), String(devices), ...shares];
    }),
  );
  return table(["truly worse", "liars", "verdicts", ...columns.map(([name]) => name)], rows);
}

function harmlessTable(): string {
  const rows = [0.02, 0.05, 0.1, 0.2].flatMap((worseShare) =>
    [0, usual.liars].map((liars) => {
      const shares = sizes.map((devices) =>
        percent(firingShare({ devices, worseShare, liars, liesWorse: false }, "spread", clears)),
      );
      return [percent(worseShare), percent(liars), ...shares];
    }),
  );
  return table(["truly worse", "liars", ...sizes.map((size) => `${size} verdicts`)], rows);
}

test("docs/rollout-error-rates.md is the simulation, word for word; vitest -u writes it anew", async () => {
  const written = readFileSync(page, "utf8");
  const introduction = written.slice(0, written.indexOf("## Stops"));
  const tables = [
    "## Stops of a rollout that harms too few\n",
    stopTable([0.05, 0.1, 0.2]),
    "## Stops of a rollout that harms too many\n",
    stopTable([0.3, 0.4, 0.6]),
    "## Rollouts that are shown harmless\n",
    harmlessTable(),
  ];
  await expect(introduction + tables.join("\n")).toMatchFileSnapshot(page);
});

test("a false stop is as rare as alpha says, with as many liars as the test withstands", () => {
  for (const devices of sizes) {
    const fleet = { devices, worseShare: usual.bound, liars: usual.liars, liesWorse: true };
    expect(firingShare(fleet, "spread", stops)).toBeLessThanOrEqual(usual.alpha);
    expect(firingShare({ ...fleet, liesWorse: false }, "spread", clears)).toBeLessThanOrEqual(usual.alpha);
  }
});
