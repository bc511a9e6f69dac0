import { expect, test } from "vitest";
import { createLogger } from "./logger.js";

test("a line is JSON with numbers and closed words; a sentence is withheld", () => {
  const lines: string[] = [];
  const log = createLogger(
    "info",
    (line) => lines.push(line),
    () => 0,
  );
  log("debug", "agent.poll", {});
  log("warn", "download.failed", { code: "SERVER_UNAVAILABLE", bytes: 12, note: "I feel awful today" });
  expect(lines).toEqual([
    '{"time":"1970-01-01T00:00:00.000Z","level":"warn","event":"download.failed","code":"SERVER_UNAVAILABLE","bytes":12,"note":"(withheld)"}\n',
  ]);
});
