// The server's environment, parsed once. No other file of the server reads process.env.

import { isIP } from "node:net";
import { isAbsolute, join, resolve } from "node:path";
import { logLevels } from "@attune/platform/logger";
import type { Proxies } from "@attune/platform/proxy";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { readDatabaseUrl } from "./platform/postgres/database-url.js";

const areNetworks = (text: string): boolean =>
  text.split(",").every((part) => {
    const [address = "", bits, ...rest] = part.trim().split("/");
    const widest = isIP(address) === 6 ? 128 : 32;
    const fits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= widest);
    return isIP(address) !== 0 && fits && rest.length === 0;
  });

const port = (fallback: number) => z.coerce.number().int().min(0).max(65_535).default(fallback);

export const environmentSchema = z.object({
  ATTUNE_HOME: z.string().min(1).default(".attune"),
  ATTUNE_HOST: z.string().min(1).default("127.0.0.1"),
  ATTUNE_HTTP_PORT: port(7310),
  ATTUNE_NATS_PORT: port(7322),
  ATTUNE_NATS_WEBSOCKET_PORT: port(0),
  ATTUNE_POSTGRES_PORT: port(7332),
  ATTUNE_POLL_INTERVAL_MS: z.coerce.number().int().min(100).max(86_400_000).default(30_000),
  ATTUNE_LOG_LEVEL: z.enum(logLevels).default("info"),
  DATABASE_URL: z.url({ protocol: /^postgres(ql)?$/ }).optional(),
  NATS_URL: z.url({ protocol: /^(nats|tls)$/ }).optional(),
  NATS_WEBSOCKET_URL: z.url({ protocol: /^wss?$/ }).optional(),
  ATTUNE_PUBLIC_NATS_URL: z.url({ protocol: /^(nats|tls)$/ }).optional(),
  ATTUNE_TRUSTED_PROXIES: z.string().refine(areNetworks).optional(),
  NATS_SERVER_BIN: z.string().min(1).optional(),
  HF_ENDPOINT: z.url({ protocol: /^https?$/ }).default("https://huggingface.co"),
  HF_TOKEN: z
    .string()
    .regex(/^[\x21-\x7e]+$/)
    .optional(),
  PATH: z.string().default(""),
  XDG_CACHE_HOME: z.string().optional(),
  HOME: z.string().optional(),
});

const hints: Readonly<Record<string, string>> = {
  ATTUNE_HTTP_PORT: "a port, 0 to 65535 (0 chooses a free one)",
  ATTUNE_NATS_PORT: "a port, 0 to 65535 (0 chooses a free one)",
  ATTUNE_NATS_WEBSOCKET_PORT: "a port, 0 to 65535 (0 chooses a free one)",
  ATTUNE_POSTGRES_PORT: "a port, 0 to 65535 (0 chooses a free one)",
  ATTUNE_POLL_INTERVAL_MS: "milliseconds, 100 to 86400000",
  ATTUNE_LOG_LEVEL: logLevels.join(", "),
  DATABASE_URL: "postgresql://user:password@host:port/database",
  NATS_URL: "nats://host:port or tls://host:port",
  NATS_WEBSOCKET_URL: "ws://host:port or wss://host:port",
  ATTUNE_PUBLIC_NATS_URL: "nats://host:port or tls://host:port",
  ATTUNE_TRUSTED_PROXIES: "IP addresses or networks such as 10.0.0.0/8, with commas between",
  HF_ENDPOINT: "https://host, a server with the hub's layout",
  HF_TOKEN: "an access token without spaces",
};

export interface ServerEnv {
  /** The absolute path of the directory that holds all of the server's data. */
  readonly home: string;
  readonly host: string;
  /** 0 chooses a free port once and remembers it. */
  readonly httpPort: number;
  readonly natsPort: number;
  /** The port, on this machine alone, on which this server's own nats-server speaks WebSocket. */
  readonly natsWebsocketPort: number;
  readonly postgresPort: number;
  /** The interval at which devices ask for their target state. */
  readonly pollIntervalMs: number;
  readonly logLevel: (typeof logLevels)[number];
  /** An existing PostgreSQL. Without this URL the server starts its own. */
  readonly databaseUrl: string | undefined;
  /** An existing nats-server (see infra/nats). Without this URL the server starts its own. */
  readonly natsUrl: string | undefined;
  /** The WebSocket address of that existing nats-server, for agents in browsers. */
  readonly natsWebsocketUrl: string | undefined;
  /** The address of NATS for devices, if it differs from the one that the server itself uses. */
  readonly publicNatsUrl: string | undefined;
  /** The proxies whose word on a client's address is taken. */
  readonly trustedProxies: string | undefined;
  readonly natsServerBinary: string | undefined;
  readonly path: string;
  /**
   * The directory of files that this user's servers share and can fetch again; undefined where the user has no home.
   */
  readonly cacheDirectory: string | undefined;
  /** The proxies for downloads. */
  readonly proxies: Proxies;
  /** The hub from which `hf:owner/name` is downloaded. */
  readonly hubEndpoint: string;
  /** The token for private and gated models. */
  readonly hubToken: string | undefined;
}

/**
 * Throws INVALID_CONFIGURATION naming every variable that cannot be used, never a value: a value may hold a password.
 */
export function parseEnv(source: Readonly<Record<string, string | undefined>>): ServerEnv {
  // An empty variable counts as not set, as in compose files.
  const given = Object.fromEntries(Object.entries(source).filter(([, value]) => value !== undefined && value !== ""));
  const parsed = environmentSchema.safeParse(given);
  if (!parsed.success) {
    const names = [...new Set(parsed.error.issues.map((issue) => String(issue.path[0])))];
    const described = names.map((name) => (hints[name] === undefined ? name : `${name} (expected: ${hints[name]})`));
    throw new AppError(
      "INVALID_CONFIGURATION",
      `the server cannot use the environment variable ${described.join(", ")}`,
    );
  }
  const values = parsed.data;
  if (values.DATABASE_URL !== undefined) readDatabaseUrl(values.DATABASE_URL);
  return {
    home: resolve(values.ATTUNE_HOME),
    host: values.ATTUNE_HOST,
    httpPort: values.ATTUNE_HTTP_PORT,
    natsPort: values.ATTUNE_NATS_PORT,
    natsWebsocketPort: values.ATTUNE_NATS_WEBSOCKET_PORT,
    postgresPort: values.ATTUNE_POSTGRES_PORT,
    pollIntervalMs: values.ATTUNE_POLL_INTERVAL_MS,
    logLevel: values.ATTUNE_LOG_LEVEL,
    databaseUrl: values.DATABASE_URL,
    natsUrl: values.NATS_URL,
    natsWebsocketUrl: values.NATS_WEBSOCKET_URL,
    publicNatsUrl: values.ATTUNE_PUBLIC_NATS_URL,
    trustedProxies: values.ATTUNE_TRUSTED_PROXIES,
    natsServerBinary: values.NATS_SERVER_BIN,
    path: values.PATH,
    cacheDirectory: cacheDirectoryOf(values.XDG_CACHE_HOME, values.HOME),
    proxies: {
      // The lower-case variable wins, as with curl.
      http: given.http_proxy ?? given.HTTP_PROXY,
      https: given.https_proxy ?? given.HTTPS_PROXY,
      except: given.no_proxy ?? given.NO_PROXY,
    },
    hubEndpoint: values.HF_ENDPOINT,
    hubToken: values.HF_TOKEN,
  };
}

function cacheDirectoryOf(cacheHome: string | undefined, home: string | undefined): string | undefined {
  // XDG Base Directory Specification: a relative path counts as not set.
  const places = [cacheHome, home && join(home, ".cache")];
  const place = places.find((path) => path !== undefined && isAbsolute(path));
  return place && join(place, "attune");
}

/** The process's own environment. */
export function readEnv(): ServerEnv {
  return parseEnv(process.env);
}

/**
 * The environment of the processes that a command starts: all variables as they are, and the directory
 * where one is set.
 */
export function readChildEnvironment(): {
  readonly variables: Record<string, string>;
  readonly home: string | undefined;
} {
  const variables = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== ""),
  );
  return { variables, home: variables.ATTUNE_HOME };
}
