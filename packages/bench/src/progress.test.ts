import { afterEach, expect, test, vi } from "vitest";
import { createBenchProgress } from "./progress.js";

afterEach(() => void vi.useRealTimers());

test("every line says what is done, how much of all that is, and how long the rest takes", () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const lines: string[] = [];
  const progress = createBenchProgress("table8", 10, (text) => lines.push(text));
  progress.begin("preparing", 4);
  vi.advanceTimersByTime(4_000);
  progress.begin("timing", 6);
  expect(lines[0]).toBe("table8: preparing, 0%\n");
  expect(lines[1]).toBe("table8: timing, 40%, 6 s left\n");
});
