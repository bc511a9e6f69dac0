import { createLogger } from "@attune/platform/logger";
import { expect, test } from "vitest";
import { limitRepeats } from "./limited-log.js";

test("an event that repeats is written a few times a minute, and how often it was withheld is said afterwards", () => {
  let nowMs = 0;
  const lines: Record<string, unknown>[] = [];
  const log = limitRepeats(
    createLogger({ level: "debug", write: (line) => lines.push(JSON.parse(line)) }),
    () => nowMs,
  );
  for (let i = 0; i < 10_000; i++) log.error("http.failed", { code: "INTERNAL" });
  expect(lines.length).toBeLessThan(50);
  log.error("another.event");
  expect(lines.at(-1)).toMatchObject({ event: "another.event" });
  const written = lines.length - 1;
  nowMs += 60_000;
  log.error("http.failed", { code: "INTERNAL" });
  expect(lines.at(-1)).toMatchObject({ event: "http.failed", withheldBefore: 10_000 - written });
});
