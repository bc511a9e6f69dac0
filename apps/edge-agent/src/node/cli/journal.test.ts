import { expect, test } from "vitest";
import { readPages } from "./journal.js";

const journal = Array.from({ length: 25_000 }, (_, index) => ({ index }));
/** As the agent answers. */
const ask = async ({ after, limit }: { after: number; limit: number }) => journal.slice(after + 1, after + 1 + limit);

test("a journal of any length is read whole, for an audit of a part of it finds reports that nobody journalled", async () => {
  expect(await readPages({ after: undefined, limit: undefined }, ask)).toEqual(journal);
});

test("a part is read as it was asked for", async () => {
  expect(await readPages({ after: 24_990, limit: undefined }, ask)).toEqual(journal.slice(24_991));
  expect(await readPages({ after: 5, limit: 3 }, ask)).toEqual(journal.slice(6, 9));
  expect(await readPages({ after: undefined, limit: 12_000 }, ask)).toEqual(journal.slice(0, 12_000));
});
