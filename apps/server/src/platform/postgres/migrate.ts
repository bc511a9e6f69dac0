// Brings the database to the schema this server was built for: Prisma's own migration engine as WebAssembly,
// so that nothing is downloaded. `npx prisma migrate deploy` does the same, and the two share one history table.

import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { errorFields, type Logger } from "@attune/platform/logger";
import { AppError } from "@attune/shared/errors";
import { PrismaPg } from "@prisma/adapter-pg";
import type { ApplyMigrationsInput, SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";
import { type DatabaseSettings, readDatabaseUrl } from "./database-url.js";

/** The repository's own migrations, seen from src/platform and from dist/platform alike. */
export const prismaDirectory = fileURLToPath(new URL("../../../../../prisma", import.meta.url));

export interface MigrateOptions {
  readonly connectionString: string;
  readonly directory?: string;
  readonly logger: Logger;
}

/** Applies what is not applied yet and answers the names. Refuses a database whose applied migrations were edited since. */
export async function migrate({
  connectionString,
  directory = prismaDirectory,
  logger,
}: MigrateOptions): Promise<string[]> {
  const migrations = await readMigrations(join(directory, "migrations"));
  const database = readDatabaseUrl(connectionString);
  const client = new pg.Client(database.client);
  client.on("error", () => undefined);
  try {
    await client.connect();
    // Servers that share a database migrate one after the other.
    await client.query("SELECT pg_advisory_lock($1)", [lockKey]);
    if (database.schema !== undefined) await createSchemaOnce(client, database.schema, migrations);
    const recorded = await readHistory(client);
    assertUnchanged(migrations, recorded);
    if (migrations.every(({ name }) => recorded.has(name))) return [];
    const schema = await readFile(join(directory, "schema.prisma"), "utf8");
    const applied = await apply({ database, schema, migrations });
    logger.info("database.migrated", { applied: applied.join(", ") });
    return applied;
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("DATABASE_UNAVAILABLE", `cannot migrate the database: ${errorFields(cause).message}`, { cause });
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** A user who may not create schemas can use one that is there. */
async function createSchemaOnce(client: pg.Client, schema: string, migrations: readonly Migration[]): Promise<void> {
  const found = await client.query("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]);
  if (found.rowCount !== 0) return;
  const ours = new Set(migrations.map(({ name }) => name));
  const inPublic = await readHistory(client, "public._prisma_migrations");
  if ([...inPublic.keys()].some((name) => ours.has(name))) {
    throw new AppError(
      "INVALID_CONFIGURATION",
      `DATABASE_URL: there is no schema ${schema}, and this database holds tables of an attune server in the schema public (where earlier ` +
        `versions kept them whatever schema= said); use them without schema=, or create the schema ${schema} to begin anew`,
    );
  }
  await client.query(`CREATE SCHEMA ${client.escapeIdentifier(schema)}`);
}

/** An arbitrary number that only this product's migrations lock on. */
const lockKey = 7_310_732_207;

interface Migration {
  readonly name: string;
  readonly sql: string;
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => ({ name, sql: await readFile(join(directory, name, "migration.sql"), "utf8") })),
  );
}

async function readHistory(client: pg.Client, table = "_prisma_migrations"): Promise<Map<string, string>> {
  const { rows: found } = await client.query("SELECT to_regclass($1) IS NOT NULL AS exists", [table]);
  if ((found[0] as { exists: boolean } | undefined)?.exists !== true) return new Map();
  const { rows } = await client.query<{ migration_name: string; checksum: string }>(
    `SELECT migration_name, checksum FROM ${table} WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL`,
  );
  return new Map(rows.map((row) => [row.migration_name, row.checksum]));
}

function assertUnchanged(migrations: readonly Migration[], recorded: ReadonlyMap<string, string>): void {
  for (const { name, sql } of migrations) {
    const checksum = recorded.get(name);
    if (checksum !== undefined && checksum !== createHash("sha256").update(sql).digest("hex")) {
      throw new AppError("CONFLICT", `migration ${name} was edited after this database had applied it`);
    }
  }
  const known = new Set(migrations.map(({ name }) => name));
  for (const name of recorded.keys()) {
    if (!known.has(name))
      throw new AppError("CONFLICT", `the database has migration ${name}, which this server does not know`);
  }
}

interface ApplyInput {
  readonly database: DatabaseSettings;
  /** Prisma's description of the tables. */
  readonly schema: string;
  readonly migrations: readonly Migration[];
}

async function apply(input: ApplyInput) {
  const module = await loadEngine();
  const { bindMigrationAwareSqlAdapterFactory } = await import("@prisma/driver-adapter-utils");
  // Its connections are closed here: the engine locks the database with one and would leave it open.
  const pool = new pg.Pool(input.database.client);
  pool.on("error", () => undefined);
  try {
    // The adapter knows the same class by the types of another version of `pg`.
    const adapter = new PrismaPg(
      pool as unknown as ConstructorParameters<typeof PrismaPg>[0],
      input.database.schema === undefined ? {} : { schema: input.database.schema },
    );
    const factory = bindMigrationAwareSqlAdapterFactory(adapter);
    const models: [string, string][] = [["schema.prisma", input.schema]];
    const engine = await module.SchemaEngine.new({ datamodels: models }, () => undefined, factory);
    try {
      const { appliedMigrationNames } = await engine.applyMigrations(describeMigrations(input.migrations));
      return appliedMigrationNames;
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

function describeMigrations(migrations: readonly Migration[]): ApplyMigrationsInput {
  return {
    migrationsList: {
      baseDir: ".",
      lockfile: { path: "migration_lock.toml", content: 'provider = "postgresql"\n' },
      migrationDirectories: migrations.map(({ name, sql }) => ({
        path: name,
        migrationFile: { path: "migration.sql", content: { tag: "ok", value: sql } },
      })),
      shadowDbInitScript: "",
    },
    filters: { externalTables: [], externalEnums: [] },
  };
}

/** The engine's module holds its one WebAssembly instance itself: a second one would free the first one's memory. */
const instances = new WeakMap<EngineModule, Promise<void>>();

async function loadEngine(): Promise<EngineModule> {
  const entry = createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm/schema_engine_bg");
  const module = (await import(pathToFileURL(entry).href)) as EngineModule;
  const instance = instances.get(module) ?? instantiate(module, entry.replace(/\.js$/, ".wasm"));
  instances.set(module, instance);
  await instance;
  return module;
}

async function instantiate(module: EngineModule, wasmPath: string): Promise<void> {
  const host = globalThis as unknown as WasmHost;
  // The engine calls this when it panics; the message then comes with the error that follows.
  host.PRISMA_WASM_PANIC_REGISTRY = {
    set_message(message) {
      throw new Error(`the migration engine failed: ${message}`);
    },
  };
  const { instance } = await host.WebAssembly.instantiate(await readFile(wasmPath), {
    "./schema_engine_bg.js": module,
  });
  module.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

interface EngineModule {
  readonly SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: object): void;
}

/** Of the globals, what the engine needs; Node's types declare no WebAssembly. */
interface WasmHost {
  PRISMA_WASM_PANIC_REGISTRY: { set_message(message: string): void };
  readonly WebAssembly: {
    instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
  };
}
