import { describe, expect, test } from "vitest";
import { cellsOf, faultsOf, sentencesOf, wordsOf } from "./prose.js";
import { listFiles, read } from "./tree.js";

const pages = listFiles(/\.md$/);

test.each(pages)("%s is written in short sentences that open with their subject, in the field's words", (page) => {
  const sentences = sentencesOf(read(page));
  expect(sentences.length).toBeGreaterThan(3);
  const faults = sentences.flatMap((sentence) => faultsOf(sentence).map((fault) => `${fault}: ${sentence}`));
  expect(faults).toEqual([]);
});

test.each(pages)("%s has no table cell of more than 25 words", (page) => {
  expect(cellsOf(read(page)).filter((cell) => wordsOf(cell) > 25)).toEqual([]);
});

describe("the lint of sentences", () => {
  const words = (count: number) => Array.from({ length: count }, (_, index) => `word${index}`).join(" ");

  test("takes 25 words and refuses 26", () => {
    expect(faultsOf(`${words(25)}.`)).toEqual([]);
    expect(faultsOf(`${words(26)}.`)).toEqual(["26 words, more than 25"]);
  });

  test.each(["Of these the first is taken.", "What leaves is journalled.", "Where a test fails, it stops."])(
    "refuses the opening of: %s",
    (sentence) => expect(faultsOf(sentence)).toHaveLength(1),
  );

  test("counts the words of each cell, and inline code as one", () => {
    const table = "| a b | `c d e` f |\n| --- | --- |\n| [g h](i) | |";
    expect(cellsOf(table)).toEqual(["a b", "`code` f", "---", "---", "g h", ""]);
    expect(cellsOf(table).map(wordsOf)).toEqual([2, 2, 0, 0, 2, 0]);
  });

  test.each(["The run goes on from there.", "The device tries again.", "The page tells the reader.", "It is heard."])(
    "refuses a word of: %s",
    (sentence) => expect(faultsOf(sentence)).toHaveLength(1),
  );

  test("reads prose and list items, and neither code blocks, tables, headings nor link targets", () => {
    const page = [
      "# What a heading says",
      "One claim [with a link](https://example.org/What). Another claim",
      "over two lines.",
      "- An item",
      "  of two lines",
      "- `npx some command with arguments` is one word.",
      "",
      "| What | a table says |",
      "```",
      "What code says.",
      "```",
      "**1. Start** here.",
    ].join("\n");
    expect(sentencesOf(page)).toEqual([
      "One claim with a link.",
      "Another claim over two lines.",
      "An item of two lines",
      "`code` is one word.",
      "Start** here.",
    ]);
  });
});
