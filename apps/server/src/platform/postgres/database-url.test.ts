import { expect, test } from "vitest";
import { parseEnv } from "../../env.js";
import { readDatabaseUrl } from "./database-url.js";

const base = "postgresql://me:hunter2%40@db.example:5432/attune";

test("a URL without parameters is used as it is", () => {
  expect(readDatabaseUrl(base)).toEqual({ schema: undefined, client: { connectionString: base } });
});

test("Prisma's parameters become settings of the client, in its units", () => {
  const { client, schema } = readDatabaseUrl(
    `${base}?connection_limit=3&connect_timeout=7&socket_timeout=20&application_name=fleet`,
  );
  expect(schema).toBeUndefined();
  expect(client).toMatchObject({ max: 3, connectionTimeoutMillis: 7_000, query_timeout: 20_000 });
  expect(client.connectionString).toBe(`${base}?application_name=fleet`);
});

test("a schema is searched alone, whatever its name, and beside other options", () => {
  const { client, schema } = readDatabaseUrl(`${base}?schema=my%20own&options=-c%20work_mem%3D8MB`);
  expect(schema).toBe("my own");
  expect(new URL(client.connectionString).searchParams.get("options")).toBe(
    '-c work_mem=8MB -c search_path="my\\ own"',
  );
});

test("certificates that need not be valid are what pg calls no-verify", () => {
  const { client } = readDatabaseUrl(`${base}?sslmode=require&sslaccept=accept_invalid_certs`);
  expect(client.connectionString).toBe(`${base}?sslmode=no-verify`);
});

test.each([
  ["pgbouncer", "true"],
  ["pool_timeout", "5"],
  ["statement_cache_size", "0"],
  ["channel_binding", "require"],
  ["sslidentity", "me.p12"],
  ["sslmode", "prefer"],
  ["sslcert", "ca.pem"],
  ["sslaccept", "maybe"],
  ["connection_limit", "0"],
  ["connect_timeout", "soon"],
  ["schema", ""],
  ["schema", 'a"b'],
  ["shcema", "a"],
])("%s=%s is refused by name at the start, and no password is repeated", (name, value) => {
  const variables = { DATABASE_URL: `${base}?${name}=${value}` };
  expect(() => parseEnv(variables)).toThrow(new RegExp(`^DATABASE_URL: the parameter ${name} `));
  expect(() => parseEnv(variables)).not.toThrow(/hunter2/);
});
