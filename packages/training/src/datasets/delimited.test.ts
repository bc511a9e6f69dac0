// Tables as programs and people write them: delimiters, quotation marks, line ends and encodings. No row is
// lost without a message.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AppError } from "@attune/shared/errors";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { readColumns } from "./table.js";

const directory = mkdtempSync(join(tmpdir(), "attune-delimited-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

let warnings: string[];
const warn = (text: string) => void warnings.push(text);
beforeEach(() => {
  warnings = [];
});

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const columns = { text: "text", label: "label" };
const read = (path: string) => readColumns(path, columns, warn);

function refusal(path: string): string {
  try {
    read(path);
  } catch (error) {
    expect((error as AppError).code).toBe("INVALID_DATASET");
    expect((error as AppError).message).not.toContain("secret");
    return (error as AppError).message;
  }
  throw new Error("nothing was refused");
}

const expected = [
  { text: "well, yes", label: "joy", sourceLine: 2 },
  { text: "no", label: "fear", sourceLine: 3 },
];
const semicolons = "text;label\nwell, yes;joy\nno;fear\n";
const utf16 = (text: string, { mark, isBig = false }: { mark: string; isBig?: boolean }) => {
  const bytes = Buffer.from(mark + text, "utf16le");
  return isBig ? bytes.swap16() : bytes;
};

describe("A table of delimited fields", () => {
  test.each([
    ["semicolons, as Excel writes them where the comma is decimal", "excel.csv", semicolons],
    ["semicolons in a .tsv", "excel.tsv", semicolons],
    ["bars", "bars.csv", "text|label\nwell, yes|joy\nno|fear\n"],
    ["tabs in a .csv", "tabs.csv", "text\tlabel\nwell, yes\tjoy\nno\tfear\n"],
    ["commas in a .tsv", "commas.tsv", 'text,label\n"well, yes",joy\nno,fear\n'],
    ["a byte order mark", "mark.csv", `\uFEFF${semicolons}`],
    ["lines that end in CR alone", "mac.csv", semicolons.replaceAll("\n", "\r")],
    ["UTF-16 with a mark, least byte first", "le-mark.csv", utf16(semicolons, { mark: "\uFEFF" })],
    ["UTF-16 with a mark, largest byte first", "be-mark.csv", utf16(semicolons, { mark: "\uFEFF", isBig: true })],
    ["UTF-16 without a mark, least byte first", "le.csv", utf16(semicolons, { mark: "" })],
    ["UTF-16 without a mark, largest byte first", "be.csv", utf16(semicolons, { mark: "", isBig: true })],
    ["quoted fields between semicolons", "quoted.csv", 'text;label\n"well, yes";"joy"\nno;fear\n'],
  ])("is read with %s", (_, name, content) => {
    expect(read(file(name, content))).toEqual(expected);
    expect(warnings).toEqual([]);
  });

  test("is read by the delimiter that Excel's first line names, whatever it is", () => {
    for (const delimiter of [";", "^"]) {
      const path = file("sep.csv", `sep=${delimiter}\r\n${semicolons.replaceAll(";", delimiter)}`);
      expect(read(path)).toEqual(expected.map((row) => ({ ...row, sourceLine: row.sourceLine + 1 })));
    }
  });

  test("in UTF-16 is read in a language without ASCII letters", () => {
    const path = file("japanese.csv", utf16("text,label\nとても嬉しいです,喜び\n悲しい,悲しみ\n", { mark: "" }));
    expect(read(path).map(({ text }) => text)).toEqual(["とても嬉しいです", "悲しい"]);
  });

  test("in another encoding, or with bytes that no text has, is refused with the way out", () => {
    const latin = file("latin.csv", Buffer.from("text,label\nd\u00e9j\u00e0,joy\n", "latin1"));
    expect(refusal(latin)).toMatch(/latin\.csv: the file is not UTF-8; save it as UTF-8, or convert it: iconv/);
    const cut = file("cut.csv", utf16(semicolons, { mark: "\uFEFF" }).subarray(0, 41));
    expect(refusal(cut)).toMatch(/cut\.csv: the file is not UTF-16LE; save it as UTF-8/);
    expect(refusal(file("nul.csv", `text,label\n${"secret ".repeat(20)}\0,joy\n`))).toMatch(
      /nul\.csv, line 2: the line holds a NUL/,
    );
  });

  test("names the delimiter that it found where a column is missing", () => {
    expect(refusal(file("other.csv", "said;mood\nsecret;joy\n"))).toMatch(
      /"text" is missing; .*--columns \(the header has 2 columns, separated by a semicolon\)/,
    );
    expect(refusal(file("none.csv", "said mood\nsecret joy\n"))).toMatch(
      /the header has no comma, semicolon, tab or bar/,
    );
    expect(refusal(file("wide.csv", "text;label\nsecret;joy;\n"))).toMatch(/line 2: 3 fields .* which is a semicolon/);
  });

  test("with a wanted column twice is refused, because nobody knows which is meant", () => {
    expect(refusal(file("twice.csv", "text,label,label\nsecret,joy,fear\n"))).toMatch(
      /line 1: the column "label" is there twice/,
    );
  });

  test("says which labels differ from others in case alone", () => {
    const path = file("case.csv", "text,label\na,Joy\nb,joy\nc,fear\nd,JOY\n");
    expect(read(path).map(({ label }) => label)).toEqual(["joy", "joy", "fear", "joy"]);
    expect(warnings).toEqual([
      expect.stringMatching(/case\.csv: the label of 2 rows \(lines 3, 5\) differs .* in case alone/),
    ]);
  });
});

describe("A quotation mark", () => {
  const rows = (delimiter: string) =>
    ["text,label", '"well then,joy', "secret one,fear", "secret two,joy", 'so he said go",fear', "no,joy"]
      .join("\n")
      .replaceAll(",", delimiter);

  test("that opens one text of a .tsv and closes another's is a letter", () => {
    expect(read(file("lone.tsv", rows("\t"))).map(({ text, label }) => [text, label])).toEqual([
      ['"well then', "joy"],
      ["secret one", "fear"],
      ["secret two", "joy"],
      ['so he said go"', "fear"],
      ["no", "joy"],
    ]);
    expect(warnings).toEqual([]);
  });

  test("around a field of a .tsv quotes it, tabs and line breaks included", () => {
    expect(read(file("quoted.tsv", 'text\tlabel\n"he said ""go"""\tjoy\nno\t"fear"\n'))).toEqual([
      { text: 'he said "go"', label: "joy", sourceLine: 2 },
      { text: "no", label: "fear", sourceLine: 3 },
    ]);
    expect(read(file("break.tsv", 'text\tlabel\n"one\ntwo"\tjoy\n"a\tb"\tfear\n'))).toEqual([
      { text: "one\ntwo", label: "joy", sourceLine: 3 },
      { text: "a\tb", label: "fear", sourceLine: 4 },
    ]);
  });

  test("that may have swallowed rows of a .tsv is refused by line", () => {
    const path = file("both.tsv", `${rows("\t")}\n"one\ntwo"\tjoy\n`);
    expect(refusal(path)).toMatch(/both\.tsv, line 5: the quoted field that ends here holds tabs and line breaks/);
  });

  test("that may have swallowed rows of a .csv is reported by line", () => {
    expect(read(file("lone.csv", rows(",")))).toHaveLength(2);
    expect(warnings).toEqual([
      expect.stringMatching(/lone\.csv: a field of 1 row \(line 5\) holds line breaks and a comma/),
    ]);
  });
});
