// Prisma's own migration engine, compiled to WebAssembly by its makers: the code behind
// `prisma migrate deploy`, to compare with.

import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { PrismaPg } from "@prisma/adapter-pg";
import { bindMigrationAwareSqlAdapterFactory } from "@prisma/driver-adapter-utils";
import type { SchemaEngine } from "@prisma/schema-engine-wasm";
import pg from "pg";

/**
 * Applies these scripts as `prisma migrate deploy` does. Returns the names of the applied scripts, and the
 * locks that it held.
 */
export async function deployWithPrisma(
  connectionString: string,
  { schema, migrations }: { schema: string; migrations: readonly { name: string; sql: string }[] },
): Promise<{ applied: string[]; locks: number[] }> {
  const module = await engineModule;
  // Its connections are closed here: the engine locks the database with one and would leave it open.
  const pool = new pg.Pool({ connectionString });
  pool.on("error", () => undefined);
  try {
    const adapter = new PrismaPg(pool as unknown as ConstructorParameters<typeof PrismaPg>[0]);
    const factory = bindMigrationAwareSqlAdapterFactory(adapter);
    const engine = await module.SchemaEngine.new({ datamodels: [["schema.prisma", schema]] }, () => undefined, factory);
    try {
      const { appliedMigrationNames } = await engine.applyMigrations({
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
      });
      const { rows } = await pool.query<{ id: number }>(
        `SELECT objid::int AS id FROM pg_locks
         WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
      );
      return { applied: appliedMigrationNames, locks: rows.map(({ id }) => id) };
    } finally {
      engine.free();
    }
  } finally {
    await pool.end();
  }
}

interface EngineModule {
  readonly SchemaEngine: typeof SchemaEngine;
  __wbg_set_wasm(exports: object): void;
}

interface WasmHost {
  PRISMA_WASM_PANIC_REGISTRY: { set_message(message: string): void };
  readonly WebAssembly: {
    instantiate(bytes: Uint8Array, imports: object): Promise<{ instance: { exports: { __wbindgen_start(): void } } }>;
  };
}

const engineModule = loadEngine();

async function loadEngine(): Promise<EngineModule> {
  const entry = createRequire(import.meta.url).resolve("@prisma/schema-engine-wasm/schema_engine_bg");
  const module = (await import(pathToFileURL(entry).href)) as EngineModule;
  const host = globalThis as unknown as WasmHost;
  host.PRISMA_WASM_PANIC_REGISTRY = {
    set_message(message) {
      throw new Error(`the migration engine failed: ${message}`);
    },
  };
  const bytes = await readFile(entry.replace(/\.js$/, ".wasm"));
  const { instance } = await host.WebAssembly.instantiate(bytes, { "./schema_engine_bg.js": module });
  module.__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
  return module;
}
