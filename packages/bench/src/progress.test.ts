import { expect, test } from "vitest";
import { createProgress } from "./progress.js";

test("every line says what is done, how much of all that is, and how long the rest takes", async () => {
  const lines: string[] = [];
  const progress = createProgress("table8", 10, (text) => lines.push(text));
  progress.begin("preparing", 4);
  await new Promise((resolve) => setTimeout(resolve, 5));
  progress.begin("timing", 6);
  expect(lines[0]).toBe("table8: preparing, 0%\n");
  expect(lines[1]).toMatch(/^table8: timing, 40%, \d+ s left\n$/);
});
