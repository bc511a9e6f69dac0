// Daemons and commands whose output has no reader any more, or no room: as processes, on real pipes and devices.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const attune = join(root, "apps/server/bin/attune.js");
const agent = join(root, "apps/edge-agent/bin/attune-agent.js");
const freePorts = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };

const children: ChildProcess[] = [];
const homes: { remove(): Promise<void> }[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill("SIGKILL");
    await once(child, "exit");
  }
});
afterAll(async () => {
  for (const home of homes) await home.remove();
});

/** The fate of a process's standard error: a reader that ends after the first line, or a device without room. */
type Log = "closed" | "full";

function start(argv: string[], { log, env = {} }: { log: Log; env?: NodeJS.ProcessEnv }) {
  const stderr = log === "full" ? openSync("/dev/full", "w") : "pipe";
  const child = spawn(process.execPath, argv, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", stderr] });
  children.push(child);
  if (typeof stderr === "number") closeSync(stderr);
  child.stderr?.once("data", () => child.stderr?.destroy());
  let stdout = "";
  child.stdout!.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  return { child, stdout: () => stdout };
}

async function end(child: ChildProcess): Promise<number | null> {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  return (await exit)[0] as number | null;
}

/** Processes that name `home` in their command line or environment. */
async function processesOf(home: string): Promise<string[]> {
  const found: string[] = [];
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) continue;
    try {
      const said = ["cmdline", "environ"].map((file) => readFileSync(`/proc/${pid}/${file}`, "utf8")).join("\0");
      if (said.includes(home)) found.push(said.split("\0").slice(0, 4).join(" "));
    } catch {
      // It has ended, or is another user's: then its command line alone can be read, and it is no child of these tests.
    }
  }
  return found;
}

async function newHome() {
  const home = await makeTemporaryHome();
  homes.push(home);
  return home;
}

describe("a command whose output goes into a pipe", () => {
  test("loads packages from where they really are", async () => {
    const real = (file: string) => JSON.stringify(pathToFileURL(join(root, "packages/platform/dist", file)).href);
    const script = `
      const { standardStream } = await import(${real("standard-stream.js")});
      standardStream(process.stdout);
      const linked = await import("@attune/platform/sha256");
      process.stdout.write(String(linked === (await import(${real("sha256.js")}))));`;
    const options = { cwd: join(root, "apps/server") };
    const { stdout } = await promisify(execFile)(process.execPath, ["--input-type=module", "--eval", script], options);
    expect(stdout).toBe("true");
  });
});

describe("the server", () => {
  test.each(["closed", "full"] as const)("keeps working with a log that is %s, and ends in order", async (log) => {
    const { home } = await newHome();
    const env = { ATTUNE_HOME: home, ...freePorts, ATTUNE_LOG_LEVEL: "debug" };
    const { child, stdout } = start([attune, "server", "--json"], { log, env });
    const { httpUrl } = await eventually(async () => JSON.parse(stdout()) as { httpUrl: string }, 60_000);
    // Each of these requests writes a line of the log.
    for (let i = 0; i < 5; i++) expect((await fetch(`${httpUrl}/trpc/none`)).status).toBe(404);
    expect((await fetch(`${httpUrl}/healthz`)).status).toBe(200);
    expect(child.exitCode).toBeNull();
    expect(await end(child)).toBe(0);
    expect(await processesOf(home)).toEqual([]);
  });

  test("ends its children before a defect that nobody caught ends it", async () => {
    const { home } = await newHome();
    const planted = 'process.on("SIGUSR2", () => { throw new Error("planted"); });';
    const env = { ATTUNE_HOME: home, ...freePorts };
    const argv = ["--import", `data:text/javascript,${encodeURIComponent(planted)}`, attune, "server", "--json"];
    const { child, stdout } = start(argv, { log: "full", env });
    await eventually(async () => JSON.parse(stdout()), 60_000);
    const exit = once(child, "exit");
    child.kill("SIGUSR2");
    expect((await exit)[0]).toBe(1);
    expect(await processesOf(home)).toEqual([]);
  });

  test("that was started by a process which ended at once ends as well, and leaves nothing behind", async () => {
    const { home } = await newHome();
    const parent = `require("node:child_process").spawn(process.execPath, [${JSON.stringify(attune)}, "server"],
      { stdio: ["ignore", "ignore", "ignore", "ipc"], detached: true }); process.exit();`;
    await promisify(execFile)(process.execPath, ["-e", parent], {
      env: { ...process.env, ATTUNE_HOME: home, ...freePorts },
    });
    await eventually(async () => expect(await processesOf(home)).toEqual([]), 60_000);
  });
});

describe("the agent", () => {
  let server: TestServer;
  let home: string;
  beforeAll(async () => {
    server = await startTestServer();
    home = await mkdtemp(join(tmpdir(), "attune-agent-"));
    await createFleet(server, "home");
    const argv = [
      "enrol",
      "--home",
      home,
      "--server",
      server.app.httpUrl,
      "--token",
      await createToken(server, "home"),
    ];
    await promisify(execFile)(process.execPath, [agent, ...argv]);
  });
  afterAll(async () => {
    await server?.stop();
    await rm(home, { recursive: true, force: true });
  });

  const status = async () =>
    JSON.parse((await promisify(execFile)(process.execPath, [agent, "status", "--home", home, "--json"])).stdout);

  test.each(["closed", "full"] as const)("keeps working with a log that is %s, and ends in order", async (log) => {
    const env = { ATTUNE_LOG_LEVEL: "debug" };
    const { child, stdout } = start([agent, "run", "--home", home, "--json"], { log, env });
    const { url } = await eventually(async () => JSON.parse(stdout()) as { url: string }, 60_000);
    // The broker's connection comes and goes, and each change is logged.
    await eventually(async () => expect((await status()).connected.server).toBe(true));
    expect((await fetch(`${url}/v1/status`)).status).toBe(401);
    expect(child.exitCode).toBeNull();
    expect(await end(child)).toBe(0);
  });
});

describe("a command's result", () => {
  const shell = async (script: string) => {
    const child = spawn("bash", ["-c", script], { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
    let text = "";
    child.stderr.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    child.stdout.resume();
    const [code] = (await once(child, "close")) as [number | null];
    return { code, stderr: text };
  };
  const commands = [
    ["attune", `${process.execPath} '${attune}'`, "pretrain --help"],
    ["attune-agent", `${process.execPath} '${agent}'`, "run --help"],
  ] as const;

  test.each(commands)("of %s that finds no room is an error and not a stack", async (_name, program, argv) => {
    const { code, stderr } = await shell(`${program} ${argv} >/dev/full`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error DISK_FULL: standard output cannot be written \(ENOSPC\)\nwhat to do: .*\n$/);
  });

  test.each(commands)("of %s that fits only in part is an error as well", async (_name, program, argv) => {
    const out = join(await mkdtemp(join(tmpdir(), "attune-output-")), "out");
    homes.push({ remove: () => rm(join(out, ".."), { recursive: true }) });
    const { code, stderr } = await shell(`trap '' XFSZ; ulimit -f 1; ${program} ${argv} >'${out}'`);
    expect(stderr).toContain("standard output cannot be written (EFBIG)");
    expect(code).toBe(1);
  });

  test.each([attune, agent])(
    "of %s whose reader has seen enough ends it quietly, as a shell knows it",
    async (program) => {
      const child = spawn(process.execPath, [program, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
      // The stream closes before the command can have written a byte.
      child.stdout.destroy();
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (part: string) => {
        stderr += part;
      });
      expect((await once(child, "close"))[0]).toBe(141);
      expect(stderr).toBe("");
    },
  );
});
