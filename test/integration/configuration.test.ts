// Faults of configuration, met by the commands that run everything: each is reported once, at once, and by its cause.

import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";

const attune = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
const blocker = createServer();
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-configuration-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));
afterAll(() => new Promise((resolve) => blocker.close(resolve)));

async function takenPort(): Promise<number> {
  if (!blocker.listening) await new Promise<void>((resolve) => blocker.listen(0, "127.0.0.1", resolve));
  return (blocker.address() as { port: number }).port;
}

async function run(argv: string[], env: Record<string, string>) {
  const freePorts = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const options = { cwd: folder, env: { PATH: process.env.PATH, ...freePorts, ...env } };
  return new Promise<{ code: unknown; stderr: string }>((resolve) => {
    execFile(process.execPath, [attune, ...argv], options, (error, _stdout, stderr) =>
      resolve({ code: error?.code ?? 0, stderr }),
    );
  });
}

const errorLines = (text: string) => text.match(/^error .*$/gm);

describe.each(["start", "demo", "server"])("attune %s", (command) => {
  test.each(["ATTUNE_HTTP_PORT", "ATTUNE_NATS_PORT", "ATTUNE_POSTGRES_PORT"])(
    "names a port in use, its variable %s and who holds it, and is not started again",
    async (variable) => {
      const port = await takenPort();
      const { code, stderr } = await run([command, "--home", join(folder, "home")], { [variable]: String(port) });
      expect(code).toBe(1);
      expect(errorLines(stderr)).toEqual([
        expect.stringContaining(
          `error PORT_IN_USE: port ${port} on 127.0.0.1 (${variable}, configured) is in use by process ${process.pid} (`,
        ),
      ]);
      expect(stderr).not.toMatch(/started again|defect/);
    },
  );

  test.each([
    ["a bad variable", { ATTUNE_POLL_INTERVAL_MS: "soon" }, /INVALID_CONFIGURATION: .*ATTUNE_POLL_INTERVAL_MS/],
    ["a program that is not there", { NATS_SERVER_BIN: "/nowhere/nats-server" }, /NATS_MISSING: .*NATS_SERVER_BIN/],
    ["a home that cannot be one", { ATTUNE_HOME: "/dev/null/home" }, /INVALID_CONFIGURATION: .*ATTUNE_HOME/],
  ])("names %s, and is not started again", async (_what, env, expected) => {
    const { code, stderr } = await run([command], { ATTUNE_HOME: join(folder, "home"), ...env });
    expect(code).toBe(1);
    expect(errorLines(stderr)).toEqual([expect.stringMatching(expected)]);
    expect(stderr).not.toMatch(/started again|defect/);
  });

  test("takes its directory from the flag, before the environment, before the default", async () => {
    const usual = command === "start" ? ".attune-demo" : ".attune";
    const port = { ATTUNE_HTTP_PORT: String(await takenPort()) };
    const [flag, environment] = [join(folder, "flag"), join(folder, "environment")];
    await run([command, "--home", flag], { ATTUNE_HOME: environment, ...port });
    expect([flag, environment].map(existsSync)).toEqual([true, false]);
    await run([command], { ATTUNE_HOME: environment, ...port });
    expect(existsSync(environment)).toBe(true);
    expect(existsSync(join(folder, usual))).toBe(false);
    await run([command], { TMPDIR: folder, ...port });
    expect(existsSync(join(folder, usual))).toBe(command !== "demo");
  });

  test("refuses a flag that it does not know, by name", async () => {
    const { code, stderr } = await run([command, "--pepole", "3"], {});
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error INVALID_INPUT: .*--pepole.*attune \w+ --help/);
  });
});

test("a second demo in one directory is refused with the first's process", async () => {
  const home = join(folder, "home");
  const { acquireHomeLock } = await import("@attune/platform/home-lock");
  const { makeTree } = await import("@attune/platform/durable-file");
  await makeTree(home);
  const lock = await acquireHomeLock(join(home, "demo.lock"));
  const { stderr } = await run(["demo", "--home", home], {});
  await lock.release();
  expect(errorLines(stderr)).toEqual([expect.stringContaining(`HOME_IN_USE: process ${process.pid} runs with`)]);
});
