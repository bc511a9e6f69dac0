// Limits of the machine that are too small: the error names the limit and its remedy, and no process is left behind.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeUnlessLacking, lackOfRoot } from "../requirements.js";

const program = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-limits-"));
  chmodSync(folder, 0o755);
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Runs `attune server` after `preparation` in the same shell. */
function serveAfter(preparation: string, { within = [] as string[] } = {}) {
  const ports = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const script = `${preparation} && exec "$0" "$1" server --json`;
  const [command = "", ...args] = [...within, "/bin/sh", "-c", script, process.execPath, program];
  const env = { ...process.env, ATTUNE_HOME: join(folder, "home"), ...ports };
  // A server that starts despite the limit would keep running.
  const { status, stdout } = spawnSync(command, args, { env, encoding: "utf8", timeout: 120_000 });
  return { status, error: (JSON.parse(stdout) as { error: object }).error };
}

test("too few open files are named, with the setting that raises them", () => {
  const { status, error } = serveAfter("ulimit -n 64");
  expect(error).toMatchObject({ code: "SYSTEM_LIMIT", remedy: expect.stringContaining("ulimit -n") });
  expect(status).toBe(1);
});

describeUnlessLacking("in a namespace of its own", lackOfRoot(), () => {
  test("a tiny /dev/shm is named, with the setting that raises it", () => {
    const within = ["unshare", "--mount", "--propagation", "private"];
    const { status, error } = serveAfter("mount -t tmpfs -o size=1m none /dev/shm", { within });
    expect(error).toMatchObject({ code: "SYSTEM_LIMIT", message: expect.stringContaining("--shm-size=64m") });
    expect(status).toBe(1);
  });
});
