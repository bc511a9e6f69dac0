import { afterEach, expect, test } from "vitest";
import { startPython } from "./python-peers.js";

const before = process.env.ATTUNE_PYTHON;

afterEach(() => {
  if (before === undefined) delete process.env.ATTUNE_PYTHON;
  else process.env.ATTUNE_PYTHON = before;
});

test("where there is no Python there are no peers, and nothing fails", async () => {
  process.env.ATTUNE_PYTHON = "/nowhere/python3";
  const python = await startPython();
  expect(python.names).toEqual([]);
  python.close();
});

test("a program that is no Python with NumPy has no peers", async () => {
  process.env.ATTUNE_PYTHON = "false";
  const python = await startPython();
  expect(python.names).toEqual([]);
  python.close();
});
