import type { JournalEntry } from "@attune/shared/contracts/audit";
import { expect, test } from "vitest";
import { inLines, readPages } from "./journal.js";

const journal = Array.from({ length: 25_000 }, (_, index) => ({ index }));
/** Answers as the agent does. */
const ask = async ({ after, limit }: { after: number; limit: number }) => journal.slice(after + 1, after + 1 + limit);

test("a journal of any length is read whole, for an audit of a part of it finds reports that nobody journalled", async () => {
  expect(await readPages({ after: undefined, limit: undefined }, ask)).toEqual(journal);
});

test("a part is read as it was asked for", async () => {
  expect(await readPages({ after: 24_990, limit: undefined }, ask)).toEqual(journal.slice(24_991));
  expect(await readPages({ after: 5, limit: 3 }, ask)).toEqual(journal.slice(6, 9));
  expect(await readPages({ after: undefined, limit: 12_000 }, ask)).toEqual(journal.slice(0, 12_000));
});

test("a new epoch is announced where it begins, for what left before it may not be listed", () => {
  const entry = (index: number, message: JournalEntry["message"]) =>
    ({ index, type: "poll", path: "trpc", sizeBytes: 1, message }) as JournalEntry;
  const messages = [{ epoch: "a" }, { what: "chunks" }, { epoch: "a" }, { epoch: "b" }, { epoch: "b" }];
  const lines = [...inLines(messages.map((message, index) => entry(index, message)))];
  expect(lines).toHaveLength(6);
  expect(lines[3]).toContain("a new epoch begins");
  expect(lines[4]).toContain("epoch=b");
});
