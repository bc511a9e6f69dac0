// Migrations on the real PostgreSQL: applied once, refused when they do not fit, and equal to Prisma's own schema.

import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "@attune/server/platform/postgres/database";
import { migrate, prismaDirectory } from "@attune/server/platform/postgres/migrate";
import { checksumOf } from "@attune/server/platform/postgres/migration-history";
import { type Postgres, startEmbeddedPostgres } from "@attune/server/platform/postgres/postgres";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { deployWithPrisma } from "./prisma-engine.js";
import { choosePort, makeTemporaryHome, testLogger } from "./temporary-home.js";

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let postgres: Postgres;
const directories: string[] = [];

beforeAll(async () => {
  home = await makeTemporaryHome();
  const choose = choosePort(home, "ATTUNE_POSTGRES_PORT");
  postgres = await startEmbeddedPostgres({ places: home, choosePort: choose, logger: testLogger });
});

afterAll(async () => {
  await postgres?.stop();
  await home?.remove();
  await Promise.all(directories.map((directory) => rm(directory, { recursive: true })));
});

async function query<T extends object>(connectionString: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString });
  await client.connect();
  const { rows } = await client.query<T>(sql);
  await client.end();
  return rows;
}

/** Runs Prisma's command on the migrations in `directory`. */
async function deploy(connectionString: string, directory = prismaDirectory) {
  const schema = await readFile(join(directory, "schema.prisma"), "utf8");
  const folders = await readdir(join(directory, "migrations"), { withFileTypes: true });
  const migrations = await Promise.all(
    folders
      .filter((entry) => entry.isDirectory())
      .map(async ({ name }) => ({
        name,
        sql: await readFile(join(directory, "migrations", name, "migration.sql"), "utf8"),
      })),
  );
  return deployWithPrisma(connectionString, { schema, migrations });
}

interface HistoryRow {
  readonly id: string;
  readonly checksum: string;
  readonly migration_name: string;
  readonly logs: string | null;
  readonly started_at: Date;
  readonly finished_at: Date | null;
  readonly rolled_back_at: Date | null;
  readonly applied_steps_count: number;
}

const historyOf = (connectionString: string) =>
  query<HistoryRow>(connectionString, "SELECT * FROM _prisma_migrations ORDER BY migration_name");

async function createDatabase(name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.connectionString });
  await client.connect();
  await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  await client.end();
  const url = new URL(postgres.connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

/** A copy of the migrations with one more migration. */
async function withMigration(name: string, sql: string): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "attune-prisma-"));
  directories.push(directory);
  await cp(prismaDirectory, directory, { recursive: true });
  await mkdir(join(directory, "migrations", name), { recursive: true });
  await writeFile(join(directory, "migrations", name, "migration.sql"), sql);
  return directory;
}

const names = async () =>
  (await readdir(join(prismaDirectory, "migrations"), { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name);

test("all migrations are applied once; applied twice they are nothing to do; the client finds its tables", async () => {
  const connectionString = await createDatabase("twice");
  expect(await migrate({ connectionString, logger: testLogger })).toEqual(await names());
  expect(await migrate({ connectionString, logger: testLogger })).toEqual([]);
  const database = openDatabase(connectionString, testLogger);
  await database.fleet.create({ data: { name: "home" } });
  expect(await database.fleet.count()).toBe(1);
  // Writes each model's first row with every column, which fails where the schema and the migrations differ.
  const { fleet, enrolmentToken, device, registeredModel, modelVersion, modelArtifact, rollout } = database;
  const { report, deadLetter, reportConflict, deviceEpoch } = database;
  const others = [
    enrolmentToken,
    device,
    deviceEpoch,
    registeredModel,
    modelVersion,
    modelArtifact,
    rollout,
    report,
    deadLetter,
  ];
  for (const model of [...others, reportConflict]) {
    expect(await (model as unknown as typeof fleet).findFirst()).toBeNull();
  }
  await database.$disconnect();
});

test("a device that enrolled before epochs were listed has the one it enrolled with", async () => {
  const connectionString = await createDatabase("epochs");
  const [initial, ...later] = await names();
  const directory = await mkdtemp(join(tmpdir(), "attune-prisma-"));
  directories.push(directory);
  await cp(prismaDirectory, directory, { recursive: true });
  for (const name of later) await rm(join(directory, "migrations", name), { recursive: true });
  expect(await migrate({ connectionString, directory, logger: testLogger })).toEqual([initial]);
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query(`INSERT INTO "Fleet" ("name") VALUES ('home')`);
  await client.query(
    `INSERT INTO "Device" ("id", "fleetName", "nkey", "epoch", "deviceKind", "engine", "memory")
     VALUES ('d1', 'home', 'UA', '0123456789abcdef', 'linux', 'wasm', 1024)`,
  );
  await client.end();
  expect(await migrate({ connectionString, logger: testLogger })).toEqual(later);
  const database = openDatabase(connectionString, testLogger);
  expect(await database.deviceEpoch.findMany()).toMatchObject([{ deviceId: "d1", epoch: "0123456789abcdef" }]);
  expect(await database.device.findMany()).toMatchObject([{ id: "d1", prefixedPolls: false }]);
  await database.$disconnect();
});

test("servers that start at the same moment on one database do not disturb each other", async () => {
  const connectionString = await createDatabase("together");
  const applied = await Promise.all(Array.from({ length: 4 }, () => migrate({ connectionString, logger: testLogger })));
  expect(applied.flat()).toEqual(await names());
});

test("a later migration is applied to a database that has the earlier ones and its data", async () => {
  const connectionString = await createDatabase("later");
  await migrate({ connectionString, logger: testLogger });
  const directory = await withMigration("29990101000000_later", 'CREATE TABLE "Later" (id INT PRIMARY KEY);');
  expect(await migrate({ connectionString, directory, logger: testLogger })).toEqual(["29990101000000_later"]);
  // A server that does not know the migration is refused, for it might write what the newer schema forbids.
  await expect(migrate({ connectionString, logger: testLogger })).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("29990101000000_later"),
  });
});

test("a migration that was edited after it had been applied is refused by name", async () => {
  const connectionString = await createDatabase("edited");
  await migrate({ connectionString, logger: testLogger });
  const [first] = await names();
  const directory = await withMigration(first!, "SELECT 1;");
  await expect(migrate({ connectionString, directory, logger: testLogger })).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining(first!),
  });
});

test("a migration that fails is a fault that says why, and a database that is away as well", async () => {
  const connectionString = await createDatabase("failing");
  const directory = await withMigration("29990101000000_bad", 'ALTER TABLE "Nowhere" ADD COLUMN x INT;');
  await expect(migrate({ connectionString, directory, logger: testLogger })).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: expect.stringContaining("Nowhere"),
  });
  await expect(
    migrate({ connectionString: "postgresql://x:y@127.0.0.1:1/z", logger: testLogger }),
  ).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
});

test("the schema that a URL names holds all tables: two servers in one database keep apart", async () => {
  const base = await createDatabase("schemas");
  const open = async (parameters: string) => {
    const connectionString = `${base}?${parameters}`;
    expect(await migrate({ connectionString, logger: testLogger })).toEqual(await names());
    expect(await migrate({ connectionString, logger: testLogger })).toEqual([]);
    return openDatabase(connectionString, testLogger);
  };
  const [first, second] = [await open("schema=first"), await open("schema=the%20second&connection_limit=2")];
  await first.fleet.create({ data: { name: "home" } });
  expect(await first.fleet.count()).toBe(1);
  expect(await second.fleet.count()).toBe(0);
  // A query written in SQL finds the same tables.
  const rows = (database: typeof first) => database.$queryRaw`SELECT name FROM "Fleet"`;
  expect([await rows(first), await rows(second)]).toEqual([[{ name: "home" }], []]);
  await Promise.all([first.$disconnect(), second.$disconnect()]);
  const client = new pg.Client({ connectionString: base });
  await client.connect();
  const tables = await client.query(
    "SELECT table_schema AS schema, count(*)::int AS tables FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema !~ '^(pg_|information_)' GROUP BY 1 ORDER BY 1",
  );
  await client.end();
  const [{ tables: count }] = tables.rows;
  expect(tables.rows).toEqual([
    { schema: "first", tables: count },
    { schema: "the second", tables: count },
  ]);
});

test("tables that an earlier version kept in public are not left behind for an empty schema without a word", async () => {
  const base = await createDatabase("passed over");
  await migrate({ connectionString: base, logger: testLogger });
  const connectionString = `${base}?schema=attune`;
  await expect(migrate({ connectionString, logger: testLogger })).rejects.toMatchObject({
    code: "INVALID_CONFIGURATION",
    message: expect.stringContaining("DATABASE_URL: there is no schema attune"),
  });
  expect(await migrate({ connectionString: `${base}?schema=public`, logger: testLogger })).toEqual([]);
  const client = new pg.Client({ connectionString: base });
  await client.connect();
  await client.query("CREATE SCHEMA attune");
  await client.end();
  expect(await migrate({ connectionString, logger: testLogger })).toEqual(await names());
});

const polling = { timeout: 20_000 };

const lockOf = async (connectionString: string) => {
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query("SELECT pg_advisory_lock(72707369)");
  return client;
};

test("the table of migrations is Prisma's to the column and the row, and each finds nothing to do after the other", async () => {
  const [ours, theirs] = [await createDatabase("ours"), await createDatabase("theirs")];
  expect(await migrate({ connectionString: ours, logger: testLogger })).toEqual(await names());
  expect(await deploy(theirs)).toEqual({ applied: await names(), locks: [72_707_369] });
  const columns = `SELECT column_name, data_type, character_maximum_length, is_nullable, column_default, ordinal_position
    FROM information_schema.columns WHERE table_name = '_prisma_migrations' ORDER BY ordinal_position`;
  expect(await query(ours, columns)).toEqual(await query(theirs, columns));
  const keys = `SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '_prisma_migrations'::regclass ORDER BY 1`;
  expect(await query(ours, keys)).toEqual(await query(theirs, keys));
  const tables = `SELECT table_name, column_name, data_type, column_default FROM information_schema.columns
    WHERE table_schema = 'public' ORDER BY 1, 2`;
  expect(await query(ours, tables)).toEqual(await query(theirs, tables));
  const shapes = async (database: string) =>
    (await historyOf(database)).map(({ id, started_at, finished_at, ...row }) => {
      expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(finished_at?.getTime()).toBeGreaterThanOrEqual(started_at.getTime());
      return row;
    });
  const rows = await shapes(ours);
  expect(rows).toEqual(await shapes(theirs));
  expect(rows.map((row) => row.migration_name)).toEqual(await names());
  expect((await deploy(ours)).applied).toEqual([]);
  expect(await migrate({ connectionString: theirs, logger: testLogger })).toEqual([]);
  expect(await shapes(ours)).toEqual(rows);
  expect(await shapes(theirs)).toEqual(rows);
  // A later migration is applied too, each after the other.
  const later = await withMigration("29990101000000_later", 'CREATE TABLE "Later" (id INT PRIMARY KEY);');
  expect((await deploy(ours, later)).applied).toEqual(["29990101000000_later"]);
  expect(await migrate({ connectionString: theirs, directory: later, logger: testLogger })).toEqual([
    "29990101000000_later",
  ]);
  expect(await shapes(ours)).toEqual(await shapes(theirs));
});

test("a refused script is undone and leaves the row that Prisma leaves; until a person resolves it, both refuse", async () => {
  const [ours, theirs] = [await createDatabase("ours refused"), await createDatabase("theirs refused")];
  const sql = 'CREATE TABLE "Half" (id INT PRIMARY KEY); ALTER TABLE "Nowhere" ADD COLUMN x INT;';
  const directory = await withMigration("29990101000000_bad", sql);
  await expect(migrate({ connectionString: ours, directory, logger: testLogger })).rejects.toThrow("Nowhere");
  await expect(deploy(theirs, directory)).rejects.toThrow("Nowhere");
  const failed = async (database: string) => {
    const row = (await historyOf(database)).find(({ migration_name }) => migration_name === "29990101000000_bad");
    if (row === undefined) throw new Error("no row");
    const { id: _id, started_at: _at, logs, ...shape } = row;
    // The words differ: Prisma's command and its engine in WebAssembly do not agree on them either.
    expect(logs).toContain("29990101000000_bad");
    expect(logs).toContain("Nowhere");
    return shape;
  };
  const shape = { checksum: checksumOf({ name: "", sql }), migration_name: "29990101000000_bad" };
  expect(await failed(ours)).toEqual({ ...shape, finished_at: null, rolled_back_at: null, applied_steps_count: 0 });
  expect(await failed(ours)).toEqual(await failed(theirs));
  expect(await query(ours, `SELECT to_regclass('"Half"') AS half`)).toEqual([{ half: null }]);
  await expect(migrate({ connectionString: ours, directory, logger: testLogger })).rejects.toMatchObject({
    code: "CONFLICT",
    message: expect.stringContaining("prisma migrate resolve --rolled-back 29990101000000_bad"),
  });
  await expect(migrate({ connectionString: theirs, directory, logger: testLogger })).rejects.toMatchObject({
    code: "CONFLICT",
  });
  await expect(deploy(ours, directory)).rejects.toThrow("29990101000000_bad");
  // Prisma's engine in WebAssembly runs a script statement by statement, and undoes none.
  await query(theirs, 'DROP TABLE "Half"');
  for (const database of [ours, theirs]) {
    await query(database, "UPDATE _prisma_migrations SET rolled_back_at = now() WHERE finished_at IS NULL");
    const mended = await withMigration("29990101000000_bad", 'CREATE TABLE "Half" (id INT PRIMARY KEY);');
    expect(await migrate({ connectionString: database, directory: mended, logger: testLogger })).toEqual([
      "29990101000000_bad",
    ]);
    expect((await deploy(database, mended)).applied).toEqual([]);
  }
});

test("a start waits for Prisma's lock, and one that is cut off in the middle of a migration leaves nothing behind", async () => {
  const connectionString = await createDatabase("interrupted");
  const holder = await lockOf(connectionString);
  const starting = migrate({ connectionString, logger: testLogger });
  const waiting = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
  await expect.poll(() => query(connectionString, waiting), polling).toHaveLength(1);
  expect(await query(connectionString, "SELECT to_regclass('_prisma_migrations') AS found")).toEqual([{ found: null }]);
  await holder.end();
  expect(await starting).toEqual(await names());

  const directory = await withMigration(
    "29990101000000_slow",
    'CREATE TABLE "Slow" (id INT PRIMARY KEY); SELECT pg_sleep(600);',
  );
  const cutOff = expect(migrate({ connectionString, directory, logger: testLogger })).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
    message: expect.stringContaining("terminating connection"),
  });
  const asleep = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()";
  await expect.poll(() => query(connectionString, asleep), polling).toHaveLength(1);
  await query(connectionString, asleep.replace("SELECT pid", "SELECT pg_terminate_backend(pid)"));
  await cutOff;
  expect((await historyOf(connectionString)).map((row) => row.migration_name)).toEqual(await names());
  await writeFile(join(directory, "migrations/29990101000000_slow/migration.sql"), 'CREATE TABLE "Slow" (id INT);');
  expect(await migrate({ connectionString, directory, logger: testLogger })).toEqual(["29990101000000_slow"]);
});

test("a schema with the tables of another program is refused and left alone", async () => {
  const connectionString = await createDatabase("foreign");
  await query(connectionString, "CREATE TABLE theirs (id INT)");
  await expect(migrate({ connectionString, logger: testLogger })).rejects.toMatchObject({
    code: "INVALID_CONFIGURATION",
    message: expect.stringContaining("the schema public holds 1 tables of another program"),
  });
  expect(await query(connectionString, "SELECT to_regclass('_prisma_migrations') AS found")).toEqual([{ found: null }]);
  expect(await migrate({ connectionString: `${connectionString}?schema=attune`, logger: testLogger })).toEqual(
    await names(),
  );
});
