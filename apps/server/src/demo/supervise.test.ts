import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { supervise } from "./supervise.js";

const env = { PATH: process.env.PATH ?? "" };

function script(code: string) {
  const directory = mkdtempSync(join(tmpdir(), "attune-supervise-"));
  const path = join(directory, "child.mjs");
  writeFileSync(path, code);
  return { path, logFile: join(directory, "child.log"), marks: join(directory, "marks") };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(20);
}

const countMarks = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").length : 0);

test("starts a killed process again, and stops it with SIGTERM when told to", async () => {
  const child = script(`
    import { appendFileSync } from "node:fs";
    appendFileSync(process.argv[2], "s");
    process.on("SIGTERM", () => { appendFileSync(process.argv[2], "t"); process.exit(0); });
    setInterval(() => {}, 1000);`);
  const restarts: string[] = [];
  const supervised = supervise({
    name: "child",
    argv: [child.path, child.marks],
    env,
    logFile: child.logFile,
    onRestart: (name) => restarts.push(name),
  });
  await until(() => countMarks(child.marks) === 1);
  process.kill(supervised.pid() as number, "SIGKILL");
  await until(() => countMarks(child.marks) === 2);
  await supervised.stop();
  expect(readFileSync(child.marks, "utf8")).toBe("sst");
  expect(restarts).toEqual(["child"]);
});

test("gives up on a process that never gets going and shows the end of its log", async () => {
  const child = script(`console.error("error PORT_IN_USE: port 7310"); process.exit(1);`);
  const supervised = supervise({ name: "server", argv: [child.path], env, logFile: child.logFile, maximumPauseMs: 10 });
  await expect(supervised.failed).rejects.toThrow(/server does not start; .*PORT_IN_USE: port 7310/);
});
