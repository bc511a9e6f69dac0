// The demo's server process, stopped before it was ready and too busy to stop by itself: none of its processes survives.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { superviseServer } from "@attune/demo/server-process";
import { expect, test } from "vitest";
import { identifyProcess } from "../../packages/platform/src/process-identity.js";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

test("a server that does not stop in time is killed, and its PostgreSQL and nats-server are stopped after it", async () => {
  const home = await makeTemporaryHome();
  const ports = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
  const server = superviseServer({
    home: home.home,
    env: { PATH: process.env.PATH ?? "", ...ports },
    onRestart: () => undefined,
    stopGraceMs: 300,
  });
  const pidOf = async (file: string) => {
    const pid = Number((await readFile(join(home.server, file), "utf8")).split("\n")[0]);
    expect(pid).toBeGreaterThan(0);
    expect(await identifyProcess(pid)).toBeDefined();
    return pid;
  };
  try {
    const children = await eventually(
      () => Promise.all([pidOf("nats/nats-server.pid"), pidOf("postgres/postmaster.pid")]),
      90_000,
    );
    const stuck = server.pid()!;
    process.kill(stuck, "SIGSTOP");
    await server.stop();
    for (const pid of [stuck, ...children]) expect(await identifyProcess(pid)).toBeUndefined();
  } finally {
    await server.stop();
    await home.remove();
  }
});
