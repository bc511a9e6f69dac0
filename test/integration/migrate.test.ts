// Migrations on the real PostgreSQL: applied once, refused when they do not fit, and the same as Prisma's own schema.
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../apps/server/src/platform/postgres/database.js";
import { migrate, prismaDirectory } from "../../apps/server/src/platform/postgres/migrate.js";
import { type Postgres, startEmbeddedPostgres } from "../../apps/server/src/platform/postgres/postgres.js";
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

async function createDatabase(name: string): Promise<string> {
  const client = new pg.Client({ connectionString: postgres.connectionString });
  await client.connect();
  await client.query(`CREATE DATABASE ${client.escapeIdentifier(name)}`);
  await client.end();
  const url = new URL(postgres.connectionString);
  url.pathname = `/${name}`;
  return url.href;
}

/** A copy of the migrations with one more. */
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
  // Each model's first row, with every column: fails where the schema and the migrations have gone apart.
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
  // Back to the server that does not know it: refused, for it might write what the newer schema forbids.
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
  // What is written in SQL finds the same tables.
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
