// Backups of a running server, and restores into empty homes. Both are killed half-way, and damaged.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isPresent } from "@attune/platform/presence";
import { backupSummarySchema } from "@attune/server/backup/backup-record";
import { askServer } from "@attune/server/client/fleet-client";
import { chunkPath } from "@attune/shared/contracts/release";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { performAttune } from "../attune-command.js";
import {
  createFleet,
  enrolDevice,
  publishReport,
  startTestServer,
  type TestDevice,
  type TestServer,
} from "./harness.js";
import { eventually } from "./temporary-home.js";

const bundled = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
const program = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
let server: TestServer;
let scratch: string;
let device: TestDevice;

beforeAll(async () => {
  vi.stubEnv("ATTUNE_POSTGRES_PORT", "0");
  server = await startTestServer();
  scratch = await mkdtemp(join(tmpdir(), "attune-backup-"));
  await createFleet(server, "home");
  await run("publish", bundled, "--model", "small", "--version", "1.0.0", "--home", server.home.home);
  await run("alias", "set", "small@champion", "1", "--home", server.home.home);
  await run("release", "tag", "1", "tested", "--home", server.home.home);
  await run("rollout", "create", "--fleet", "home", "--release", "1", "--home", server.home.home);
  device = await enrolDevice(server, "home");
  await device.poll({ sequence: 1 });
  const connection = await device.connect();
  for (const sequence of [1, 2, 3]) await publishReport(connection, device, device.metrics(sequence));
  await connection.close();
  await eventually(async () => expect(await server.database.report.count()).toBe(3));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await server?.stop();
  await rm(scratch, { recursive: true, force: true });
});

async function run(...argv: string[]) {
  const lines: string[] = [];
  const io = { stdout: (line: string) => void lines.push(line), stderr: () => undefined, json: true, isTty: false };
  expect(await performAttune(argv, io)).toBe(0);
  return JSON.parse(lines.join(""));
}
const backup = async (name: string) =>
  backupSummarySchema.parse(await run("backup", join(scratch, name), "--home", server.home.home));
const restore = async (name: string, home: string) =>
  backupSummarySchema.parse(await run("restore", join(scratch, name), "--home", home));

/** Starts a command as a process of its own, to kill it. */
function start(...argv: string[]) {
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ATTUNE_POSTGRES_PORT: "0" };
  return spawn(process.execPath, [program, ...argv], { env, stdio: "ignore" });
}

async function killOnce(child: ReturnType<typeof start>, isThere: string): Promise<void> {
  const exit = once(child, "exit");
  await eventually(async () => expect((await isPresent(isThere)) || child.exitCode !== null).toBe(true));
  child.kill("SIGKILL");
  expect((await exit)[1]).toBe("SIGKILL");
}

/** All rows of a database, by table. */
async function rowsOf(connectionString: string): Promise<Record<string, string[]>> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    const tables = await client.query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1");
    const all: Record<string, string[]> = {};
    for (const { tablename } of tables.rows) {
      if (tablename === "_prisma_migrations") continue;
      const { rows } = await client.query(`SELECT to_jsonb(t)::text AS line FROM "${tablename}" t ORDER BY 1`);
      all[tablename] = rows.map(({ line }) => line);
    }
    return all;
  } finally {
    await client.end();
  }
}

/** The embedded database's address with another database's name. */
async function databaseUrl(of: TestServer, name: string): Promise<string> {
  const [{ port }] = (await of.database.$queryRaw`SELECT inet_server_port() AS port`) as [{ port: number }];
  const password = (await readFile(join(of.home.keys, "postgres.password"), "utf8")).trim();
  return `postgresql://attune:${password}@127.0.0.1:${port}/${name}`;
}

describe("a backup", () => {
  test("is whole while the server is written to, and only its owner can read it", async () => {
    let writes = 0;
    let isDone = false;
    const writer = (async () => {
      while (!isDone) await createFleet(server, `busy-${++writes}`);
    })();
    const summary = await backup("busy");
    isDone = true;
    await writer;
    expect(writes).toBeGreaterThan(0);
    expect(summary.rows).toBeGreaterThan(10);
    const folder = join(scratch, "busy");
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const { mode } = await stat(join(entry.parentPath, entry.name));
      expect([entry.name, (mode & 0o777).toString(8)]).toEqual([entry.name, entry.isDirectory() ? "700" : "600"]);
    }
    expect(((await stat(folder)).mode & 0o777).toString(8)).toBe("700");
    await expect(backup("busy")).rejects.toMatchObject({ code: "CONFLICT" });
  });

  test("that is killed half-way is no backup, and the next one is whole", async () => {
    const folder = join(scratch, "killed");
    await killOnce(start("backup", folder, "--home", server.home.home), `${folder}.partial`);
    expect(await isPresent(folder)).toBe(false);
    await expect(restore("killed", join(scratch, "nowhere"))).rejects.toMatchObject({ code: "NOT_FOUND" });
    expect((await backup("killed")).files).toBeGreaterThan(40);
    expect(await isPresent(`${folder}.partial`)).toBe(false);
  });

  test("needs a running server", async () => {
    const home = join(scratch, "empty");
    await expect(run("backup", join(scratch, "none"), "--home", home)).rejects.toMatchObject({
      code: "SERVER_UNAVAILABLE",
    });
    expect(await isPresent(join(scratch, "none"))).toBe(false);
  });

  test("keeps a collection away", async () => {
    const client = new pg.Client({ connectionString: await databaseUrl(server, "attune") });
    await client.connect();
    await client.query("SELECT pg_advisory_lock_shared(731001)");
    const collect = () => run("release", "collect", "--older-than", "0s", "--home", server.home.home);
    await expect(collect()).rejects.toMatchObject({ code: "CONFLICT" });
    await client.end();
    await expect(collect()).resolves.toMatchObject({ collected: [] });
  });
});

describe("a restore", () => {
  test("gives the same rows, content and keys; devices poll and report as before", async () => {
    const before = await rowsOf(await databaseUrl(server, "attune"));
    await backup("whole");
    await server.app.stop();
    const restored = await startTestServer({
      restore: async ({ home, server: folder }) => {
        await rm(folder, { recursive: true });
        await restore("whole", home);
      },
    });
    try {
      const after = await rowsOf(await databaseUrl(restored, "attune"));
      expect(after).toEqual(before);
      const { release, ...rest } = await run("release", "show", "small@champion", "--home", restored.home.home);
      expect(rest).toMatchObject({ sequence: 1, tags: ["tested"] });
      for (const { chunks } of release.files) {
        for (const { sha256 } of chunks) {
          expect((await fetch(`${restored.access.httpUrl}${chunkPath(sha256)}`)).status).toBe(200);
        }
      }
      expect(restored.access.adminToken).toBe(server.access.adminToken);
      expect((await device.poll({ sequence: 2 })).release?.sequence).toBe(1);
      const connection = await device.connect();
      await publishReport(connection, device, device.metrics(4));
      await connection.close();
      await eventually(async () => expect(await restored.database.report.count()).toBe(4));
      const { sequence } = await run(
        "publish",
        bundled,
        "--model",
        "small",
        "--version",
        "2.0.0",
        "--home",
        restored.home.home,
      );
      expect(sequence).toBe(2);
      await expect(restore("whole", restored.home.home)).rejects.toMatchObject({
        code: "INVALID_CONFIGURATION",
        message: expect.stringContaining("holds a server already"),
      });
    } finally {
      await restored.stop();
      await server.restart();
    }
  });

  test("that is killed half-way keeps servers away, and is repeated", async () => {
    await backup("again");
    const home = join(scratch, "half");
    await killOnce(start("restore", join(scratch, "again"), "--home", home), join(home, "server", "restoring"));
    const child = start("server", "--home", home);
    expect((await once(child, "exit"))[0]).toBe(1);
    await restore("again", home);
    expect(await isPresent(join(home, "server", "restoring"))).toBe(false);
  });

  test("goes into an empty database of DATABASE_URL, and into no other", async () => {
    await backup("external");
    await server.database.$executeRaw`CREATE DATABASE other`;
    const url = await databaseUrl(server, "other");
    vi.stubEnv("DATABASE_URL", url);
    try {
      await restore("external", join(scratch, "outside"));
      expect(await rowsOf(url)).toEqual(await rowsOf(await databaseUrl(server, "attune")));
      await expect(restore("external", join(scratch, "outside-2"))).rejects.toMatchObject({
        code: "INVALID_CONFIGURATION",
        message: expect.stringContaining("DATABASE_URL holds the table"),
      });
      vi.stubEnv("DATABASE_URL", url);
      expect((await run("backup", join(scratch, "of-url"), "--home", server.home.home)).rows).toBeGreaterThan(10);
    } finally {
      vi.stubEnv("DATABASE_URL", "");
    }
  });

  test.each<[string, (folder: string) => Promise<void>]>([
    ["an altered file", (folder) => appendFile(join(folder, "database", "Fleet.jsonl"), "{}\n")],
    ["a missing file", (folder) => rm(join(folder, "admin-token"))],
    ["a file too many", (folder) => writeFile(join(folder, "keys", "other.pem"), "")],
    ["a damaged record", (folder) => writeFile(join(folder, "backup.json"), "{}")],
  ])("refuses a backup with %s, and leaves the home empty", async (what, damage) => {
    const name = `damaged-${what.replaceAll(" ", "-")}`;
    if (!(await isPresent(join(scratch, "good")))) await backup("good");
    await cp(join(scratch, "good"), join(scratch, name), { recursive: true });
    await damage(join(scratch, name));
    const home = join(scratch, `home-${name}`);
    await expect(restore(name, home)).rejects.toMatchObject({ code: "STORE_CORRUPT" });
    expect(await isPresent(home)).toBe(false);
  });
});

test("the server of the tests serves still", async () => {
  expect(await askServer(server.access, (client) => client.fleet.list.query())).not.toEqual([]);
});
