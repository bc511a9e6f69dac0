// The values of the two flags, and rows that are JSON objects.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@attune/shared/errors";
import { afterAll, describe, expect, test } from "vitest";
import { readJsonLines } from "./json-lines.js";
import { pairsText, parseMapping } from "./mapping.js";

const directory = mkdtempSync(join(tmpdir(), "attune-mapping-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function refusal(read: () => unknown, code: AppError["code"]): string {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(AppError);
    expect((error as AppError).code).toBe(code);
    expect((error as AppError).message).not.toContain("secret");
    return (error as AppError).message;
  }
  throw new Error("nothing was refused");
}

describe("--columns and --labels", () => {
  test("name the columns and rename labels, whatever their case", () => {
    expect(
      parseMapping({ columns: "text=What was said, label=Feeling=true", labels: "Happy=joy,Très MAD=anger" }),
    ).toEqual({
      columns: { text: "What was said", label: "Feeling=true" },
      labels: { happy: "joy", "très mad": "anger" },
    });
    expect(parseMapping({ columns: "speaker=who,label=b,text=a" }).columns).toEqual({
      text: "a",
      label: "b",
      speaker: "who",
    });
    expect(parseMapping({})).toEqual({});
  });

  test("take names with a comma, an equals sign or a quotation mark in double quotes", () => {
    const given = { text: "What did you say, exactly?", label: 'The "mood"=', speaker: "who" };
    expect(
      parseMapping({ columns: 'text="What did you say, exactly?", label="The ""mood""=" ,speaker=who' }).columns,
    ).toEqual(given);
    expect(parseMapping({ labels: '"Well, happy"=joy,"a=b"="c,d"' }).labels).toEqual({
      "well, happy": "joy",
      "a=b": "c,d",
    });
    expect(() => parseMapping({ columns: "text=What did you say, exactly?,label=Mood" })).toThrow(
      /--columns exactly\?,label=Mood: expected name=name.*put a name with a comma .* in double quotes/,
    );
    expect(() => parseMapping({ columns: 'text="open,label=Mood' })).toThrow(/expected name=name/);
    expect(pairsText({ text: "a", label: "b" })).toBe('"text=a,label=b"');
    expect(pairsText(given)).toBe(`'text="What did you say, exactly?",label="The ""mood""=",speaker=who'`);
  });

  test("are refused by the part that is wrong", () => {
    const columns = (given: string) => refusal(() => parseMapping({ columns: given }), "INVALID_INPUT");
    expect(columns("text=a,emotion=b")).toMatch(/--columns emotion=… is not text, label or speaker/);
    expect(columns("text=a")).toMatch(/--columns: says nothing of label; as in text=/);
    expect(columns("text=a,label")).toMatch(/--columns label: expected name=name/);
    expect(columns("text=a,text=b,label=c")).toMatch(/--columns: text is there twice/);
    const labels = (given: string) => refusal(() => parseMapping({ labels: given }), "INVALID_INPUT");
    expect(labels("happy=")).toMatch(/--labels happy=: expected/);
    for (const name of ["a".repeat(65), "\u001b[2J"]) {
      expect(labels(`happy=${name}`)).toMatch(/--labels happy=… is no name of at most 64/);
    }
  });
});

describe("JSON Lines", () => {
  const file = (content: string) => {
    const path = join(directory, "rows.jsonl");
    writeFileSync(path, content);
    return path;
  };
  const wanted = { required: ["text", "label"], optional: ["speaker"] };

  test("give each line's fields as text, blank lines and a byte order mark aside", () => {
    const path = file(
      '\uFEFF{"label":3,"text":"hi\\nthere","more":[1]}\r\n\n{"text":"no","label":"x","speaker":null}\n',
    );
    expect(readJsonLines(path, wanted)).toEqual([
      { fields: ["hi\nthere", "3", ""], line: 1 },
      { fields: ["no", "x", ""], line: 3 },
    ]);
  });

  test("are refused by file and line, without the line", () => {
    const read = (content: string) => refusal(() => readJsonLines(file(content), wanted), "INVALID_DATASET");
    const good = '{"text":"secret","label":"x"}\n';
    expect(read(`${good}{"text":"secret","label"\n`)).toMatch(/rows\.jsonl, line 2: not JSON; /);
    expect(read(`${good}\n["secret"]\n`)).toMatch(/line 3: not a JSON object/);
    expect(read(`${good}{"text":"secret"}\n`)).toMatch(/line 2: the column "label" is missing; .*--columns/);
    expect(read('{"text":["secret"],"label":"x"}')).toMatch(/line 1: the field "text" is neither text nor a number/);
    expect(read(" \n")).toMatch(/rows\.jsonl: the file is empty/);
    expect(read('{"text":"secret","__proto__":{"label":"x"}}')).toMatch(/the column "label" is missing/);
  });
});
