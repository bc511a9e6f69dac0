// Reads DATABASE_URL as Prisma's own URLs: every parameter is obeyed, or refused by name. `pg` ignores parameters that
// it does not know.

import { AppError } from "@attune/shared/errors";

interface DatabaseSettings {
  /** The settings of clients and pools of `pg`, under its names. */
  readonly client: {
    readonly connectionString: string;
    readonly max?: number;
    readonly connectionTimeoutMillis?: number;
    readonly query_timeout?: number;
  };
  /**
   * The schema that holds the tables. Without one in the URL it is undefined: PostgreSQL's
   * own default, mostly `public`.
   */
  readonly schema: string | undefined;
}

/** The parameters that `pg` obeys itself. */
const passedOn = new Set([
  "application_name",
  "client_encoding",
  "fallback_application_name",
  "host",
  "options",
  "ssl",
  "sslcert",
  "sslkey",
  "sslmode",
  "sslnegotiation",
  "sslrootcert",
  "uselibpqcompat",
]);
/** `pg` takes libpq's other modes for `verify-full`. */
const sslModes = new Set(["disable", "no-verify", "require", "verify-ca", "verify-full"]);
const translated = ["schema", "connection_limit", "connect_timeout", "socket_timeout", "sslaccept"];

/** Throws INVALID_CONFIGURATION naming a parameter that is unknown or has no meaning here; never a password. */
export function readDatabaseUrl(connectionString: string): DatabaseSettings {
  const url = new URL(connectionString);
  const given = [...url.searchParams];
  for (const [name, value] of given) {
    assertMeaningful(name, value, given);
    if (!passedOn.has(name)) url.searchParams.delete(name);
  }
  const of = (name: string) => given.findLast(([parameter]) => parameter === name)?.[1];
  const schema = of("schema");
  const options = [of("options"), schema === undefined ? undefined : searchPath(schema)].filter((text) => text);
  if (options.length > 0) url.searchParams.set("options", options.join(" "));
  if (of("sslaccept") === "accept_invalid_certs") url.searchParams.set("sslmode", "no-verify");
  return {
    schema,
    client: {
      connectionString: given.length === 0 ? connectionString : url.href,
      ...numberOf("max", of("connection_limit"), 1),
      ...numberOf("connectionTimeoutMillis", of("connect_timeout"), 1_000),
      ...numberOf("query_timeout", of("socket_timeout"), 1_000),
    },
  };
}

function assertMeaningful(name: string, value: string, given: readonly [string, string][]): void {
  const refuse = (why: string) => new AppError("INVALID_CONFIGURATION", `DATABASE_URL: the parameter ${name} ${why}`);
  const has = (other: string) => given.some(([parameter]) => parameter === other);
  if (!passedOn.has(name) && !translated.includes(name)) {
    throw refuse(`is not supported; supported are ${[...translated, ...passedOn].join(", ")}`);
  }
  // Prisma puts the name between quotes as it is.
  if (name === "schema" && !/^[^\0"]{1,63}$/.test(value)) throw refuse("must be a schema's name without quotes");
  if (name === "connection_limit" && !/^[1-9]\d{0,3}$/.test(value)) throw refuse("must be a whole number from 1 on");
  if (name.endsWith("_timeout") && !/^\d{1,6}$/.test(value)) throw refuse("must be a whole number of seconds");
  if (name === "sslmode" && !sslModes.has(value) && !has("uselibpqcompat")) {
    throw refuse(`must be one of ${[...sslModes].join(", ")}`);
  }
  if (name === "sslaccept" && !["strict", "accept_invalid_certs"].includes(value)) {
    throw refuse("must be strict or accept_invalid_certs");
  }
  if (name === "sslcert" && !has("sslkey")) {
    throw refuse("is a client's certificate and needs sslkey; an authority's certificate is sslrootcert");
  }
}

/** PostgreSQL splits `options` at spaces that have no backslash before them. */
function searchPath(schema: string): string {
  return `-c search_path="${schema.replace(/[\\\s]/g, "\\$&")}"`;
}

function numberOf(setting: string, text: string | undefined, unit: number): Record<string, number> {
  return text === undefined ? {} : { [setting]: Number(text) * unit };
}
