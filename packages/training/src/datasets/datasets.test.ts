// Each reader on small files of its own form, and the message with which it refuses a faulty file.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRandom } from "@attune/ml/tensor/random";
import { AppError } from "@attune/shared/errors";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { dataFolder, describeUnlessLacking, lackOfData } from "../../../../test/requirements.js";
import { loadEmoryNlp } from "./emorynlp.js";
import { goEmotionsGroups, loadGoEmotions } from "./goemotions.js";
import { loadMeld, readMeldFile } from "./meld.js";
import { stratifiedSplit } from "./split.js";
import { readTable } from "./table.js";

let directory: string;
let warnings: string[];
const warn = (text: string) => void warnings.push(text);
beforeEach(() => {
  warnings = [];
});
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "attune-datasets-"));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

function refusal(read: () => unknown): AppError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe("INVALID_DATASET");
    expect((error as AppError).message).not.toContain("secret");
    return error as AppError;
  }
  throw new Error("nothing was refused");
}

const header = "Sr No.,Utterance,Speaker,Emotion,Sentiment\r\n";

describe("MELD", () => {
  test("is read with CRLF, quotes and a line break inside a quoted field, each row with its line", () => {
    const path = file(
      "meld.csv",
      `${header}1,"well, ""hello""\nthere",Joey,joy,positive\r\n2,no,Ross,Neutral,neutral\r\n`,
    );
    expect(readMeldFile(path, warn)).toEqual([
      { text: 'well, "hello"\nthere', label: "joy", speaker: "Joey", sourceLine: 3 },
      { text: "no", label: "neutral", speaker: "Ross", sourceLine: 4 },
    ]);
  });

  test("has a test split only where the file is there", () => {
    for (const split of ["train", "dev"]) file(`${split}_sent_emo.csv`, `${header}1,hi,Joey,joy,positive\n`);
    expect(loadMeld(directory, warn).test).toBeUndefined();
    file("test_sent_emo.csv", `${header}1,hi,Joey,joy,positive\n`);
    expect(loadMeld(directory, warn).test).toHaveLength(1);
  });

  test("refuses a missing column and names it", () => {
    const path = file("columns.csv", "Utterance,Speaker\nsecret,Joey\n");
    expect(refusal(() => readMeldFile(path, warn)).message).toMatch(
      /columns\.csv, line 1: the column "Emotion" is missing/,
    );
  });

  test("refuses a label outside the set, with the line and without the utterance", () => {
    const path = file("label.csv", `${header}1,hi,Joey,joy,positive\n2,secret,Joey,bored,neutral\n`);
    expect(refusal(() => readMeldFile(path, warn)).message).toMatch(
      /label\.csv, line 3: .*outside the set \(neutral, joy/,
    );
  });

  test("refuses malformed quoting without quoting the line", () => {
    const open = file("open.csv", `${header}1,"secret,Joey,joy,positive\n`);
    expect(refusal(() => readMeldFile(open, warn)).message).toMatch(/open\.csv, line \d+: the quoting is malformed/);
    const inside = file("inside.csv", `${header}1,"secret" two,Joey,joy,positive\n`);
    expect(refusal(() => readMeldFile(inside, warn)).message).toMatch(/inside\.csv, line 2: the quoting is malformed/);
  });

  test("refuses a row with a field too many, an empty utterance, an empty file, a header alone and a missing file", () => {
    const many = file("many.csv", `${header}1,secret, more,Joey,joy,positive\n`);
    expect(refusal(() => readMeldFile(many, warn)).message).toMatch(/line 2: 6 fields where the header has 5/);
    const blank = file("blank.csv", `${header}1, ,Joey,joy,positive\n`);
    expect(refusal(() => readMeldFile(blank, warn)).message).toMatch(/line 2: the column "Utterance" is empty/);
    expect(refusal(() => readMeldFile(file("empty.csv", "\n"), warn)).message).toMatch(/empty\.csv: the file is empty/);
    expect(refusal(() => readMeldFile(file("alone.csv", header), warn)).message).toMatch(/a header but no row/);
    expect(refusal(() => readMeldFile(join(directory, "none.csv"), warn)).message).toMatch(
      /none\.csv: there is no such file/,
    );
    const latin = file("latin.csv", Buffer.concat([Buffer.from(header), Buffer.from([0x31, 0x2c, 0xe9, 0x0a])]));
    expect(refusal(() => readMeldFile(latin, warn)).message).toMatch(/not UTF-8/);
  });
});

describe("GoEmotions", () => {
  test("keeps every one of the 28 labels of a row and groups them", () => {
    file("train.tsv", 'he said "hi\t0,3\tab\nnothing\t27\tcd\r\n');
    file("dev.tsv", "oh\t26\tef\n");
    const { train, dev, labelNames } = loadGoEmotions(directory);
    expect(labelNames).toHaveLength(28);
    expect(train[0]).toEqual({
      text: 'he said "hi',
      label: "joy",
      labels: ["joy", "anger"],
      labelIds: [0, 3],
      sourceLine: 1,
    });
    expect(train[1]).toMatchObject({ label: "neutral", labelIds: [27] });
    expect(dev[0]!.label).toBe("surprise");
  });

  test("takes the meaning of the ids from labels.txt where the folder has one", () => {
    const labels = file("labels.txt", "anger\ndisgust\nfear\njoy\nneutral\nsadness\nsurprise\n");
    file("train.tsv", "x\t4\ta\n");
    file("dev.tsv", "x\t6,0\ta\n");
    expect(loadGoEmotions(directory)).toMatchObject({
      train: [{ label: "neutral" }],
      dev: [{ label: "surprise", labels: ["surprise", "anger"] }],
    });
    file("train.tsv", "x\t4\ta\nsecret\t7\tb\n");
    expect(refusal(() => loadGoEmotions(directory)).message).toMatch(
      /train\.tsv, line 2: a label id outside the set \(0 to 6\)/,
    );
    file("labels.txt", "anger\nsecret\n");
    expect(refusal(() => loadGoEmotions(directory)).message).toMatch(/labels\.txt, line 2/);
    rmSync(labels);
  });

  test.each(["27,", ",27", "0x1b", "1e1", "2.0", "+3", "", " ", "three", "3 4"])(
    "refuses the label ids %j, which only Number() takes for ids",
    (ids) => {
      file("train.tsv", `fine\t27\tab\nsecret\t${ids}\tcd\n`);
      expect(refusal(() => loadGoEmotions(directory)).message).toMatch(
        /train\.tsv, line 2: a label id outside the set \(0 to 27\) in the second column; write whole numbers/,
      );
    },
  );

  test("refuses an id twice, and a line with a tab in its text", () => {
    file("train.tsv", "secret\t3, 3\tab\n");
    expect(refusal(() => loadGoEmotions(directory)).message).toMatch(/train\.tsv, line 1: a label id twice/);
    file("train.tsv", "secret\t5\t27\tab\n");
    expect(refusal(() => loadGoEmotions(directory)).message).toMatch(/train\.tsv, line 1: 4 tab-separated columns/);
  });

  test("maps its 28 labels onto all seven emotions", () => {
    expect(Object.keys(goEmotionsGroups)).toHaveLength(28);
    expect(new Set(Object.values(goEmotionsGroups)).size).toBe(7);
  });
});

describe("other tables", () => {
  test("reads EmoryNLP from its file or from the folder that holds it", () => {
    const path = file("emory.csv", "Utterance,Speaker,EmoryEmotion,MeldEmotion\nhi,['Joey'],Mad,anger\n");
    expect(loadEmoryNlp(path, warn)).toMatchObject([
      { text: "hi", label: "anger", emoryLabel: "mad", speaker: "Joey", sourceLine: 2 },
    ]);
    expect(refusal(() => loadEmoryNlp(directory, warn)).message).toMatch(/holds no EmoryNLP; name a \.csv of it/);
  });

  test("reads any table through a mapping of columns and label names", () => {
    const path = file("own.tsv", "what\tfeeling\nhi\tHappy\n");
    const mapping = { text: "what", label: "feeling", labelNames: { happy: "joy" } } as const;
    expect(readTable(path, mapping, warn)).toMatchObject([{ text: "hi", label: "joy", sourceLine: 2 }]);
  });
});

describe("stratifiedSplit", () => {
  const rows = Array.from({ length: 101 }, (_, i) => ({
    text: `${i}`,
    label: i === 100 ? ("fear" as const) : i % 4 === 0 ? ("joy" as const) : ("neutral" as const),
    sourceLine: i + 1,
  }));

  test("keeps the proportions, loses no row and leaves a lone row to be learned from", () => {
    const { kept, held } = stratifiedSplit(rows, 0.2, createRandom(1));
    expect(held.filter((row) => row.label === "joy")).toHaveLength(5);
    expect(held.filter((row) => row.label === "neutral")).toHaveLength(15);
    expect(kept.some((row) => row.label === "fear")).toBe(true);
    expect([...kept, ...held].map((row) => row.sourceLine).sort((a, b) => a - b)).toEqual(
      rows.map((r) => r.sourceLine),
    );
  });

  test("gives the same split for the same seed", () => {
    expect(stratifiedSplit(rows, 0.2, createRandom(7))).toEqual(stratifiedSplit(rows, 0.2, createRandom(7)));
  });
});

describeUnlessLacking(
  "the published files",
  lackOfData("meld/train_sent_emo.csv", "goemotions/train.tsv", "emorynlp/emorynlp_pretrain_noleak.csv"),
  () => {
    test("are read whole: MELD 9,989 and 1,109 rows, GoEmotions 43,410 and 5,426, EmoryNLP 7,366", () => {
      const meld = loadMeld(join(dataFolder, "meld"), warn);
      expect([meld.train.length, meld.dev.length]).toEqual([9989, 1109]);
      expect(meld.train.filter((row) => row.speaker === "Joey")).toHaveLength(1510);
      const goEmotions = loadGoEmotions(join(dataFolder, "goemotions"));
      expect([goEmotions.train.length, goEmotions.dev.length]).toEqual([43410, 5426]);
      expect(loadEmoryNlp(join(dataFolder, "emorynlp"), warn)).toHaveLength(7366);
      expect(warnings).toEqual([
        expect.stringMatching(/: 52 rows \(first lines 304, 543, 715\) with several speakers count as nobody's/),
      ]);
    });
  },
);
