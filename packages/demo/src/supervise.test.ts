import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { supervise } from "./supervise.js";

const env = { PATH: process.env.PATH ?? "" };

function script(code: string) {
  const directory = mkdtempSync(join(tmpdir(), "attune-supervise-"));
  const path = join(directory, "child.mjs");
  writeFileSync(path, code);
  const at = (name: string) => join(directory, name);
  return { path, logFile: at("child.log"), pidFile: at("child.pid"), marks: at("marks") };
}

const until = (condition: () => boolean) => expect.poll(condition).toBe(true);

const countMarks = (file: string) => (existsSync(file) ? readFileSync(file, "utf8").length : 0);

test("starts a killed process again, and stops it with SIGTERM when asked to", async () => {
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
    pidFile: child.pidFile,
    onRestart: (name) => restarts.push(name),
  });
  await until(() => countMarks(child.marks) === 1);
  process.kill(supervised.pid() as number, "SIGKILL");
  await until(() => countMarks(child.marks) === 2);
  await supervised.stop();
  expect(readFileSync(child.marks, "utf8")).toBe("sst");
  expect(restarts).toEqual(["child"]);
});

/** Supervises with very short pauses between starts. */
function superviseBriefly({ path, logFile, pidFile, marks }: ReturnType<typeof script>) {
  const restarts: string[] = [];
  const onRestart = (name: string) => restarts.push(name);
  const argv = [path, marks];
  return { restarts, ...supervise({ name: "server", argv, env, logFile, pidFile, maxPauseMs: 10, onRestart }) };
}

test("gives up on a process that never gets going, with its own fault and the end of its log", async () => {
  const child = script(`console.error("error NATS_UNAVAILABLE: nats://host"); process.exit(1);`);
  const { failed, restarts } = superviseBriefly(child);
  await expect(failed).rejects.toThrow(/server does not start; .*NATS_UNAVAILABLE: nats:\/\/host/);
  await expect(failed).rejects.toMatchObject({ code: "NATS_UNAVAILABLE" });
  expect(restarts).toHaveLength(7);
});

test("reports a fault of configuration at once, as the process itself said it", async () => {
  const child = script(`console.error("error PORT_IN_USE: port 7310\\nwhat to do: Stop it"); process.exit(1);`);
  const { failed, restarts } = superviseBriefly(child);
  await expect(failed).rejects.toMatchObject({ code: "PORT_IN_USE", message: "port 7310" });
  expect(restarts).toEqual([]);
});

test("starts a process again whose log reports an older fault of configuration", async () => {
  const child = script(`
    import { appendFileSync } from "node:fs";
    appendFileSync(process.argv[2], "s");
    process.exit(1);`);
  writeFileSync(child.logFile, "error PORT_IN_USE: port 7310\n");
  const supervised = superviseBriefly(child);
  await until(() => countMarks(child.marks) >= 2);
  await supervised.stop();
});

test("ends the child of a killed supervisor before it starts one of its own", async () => {
  const child = script(`
    import { appendFileSync } from "node:fs";
    appendFileSync(process.argv[2], "s");
    process.on("SIGTERM", () => { appendFileSync(process.argv[2], "t"); process.exit(0); });
    setInterval(() => {}, 1000);`);
  const first = superviseBriefly(child);
  await until(() => countMarks(child.marks) === 1 && existsSync(child.pidFile));
  const second = superviseBriefly(child);
  await until(() => readFileSync(child.marks, "utf8").startsWith("sts"));
  await Promise.all([first.stop(), second.stop()]);
});
