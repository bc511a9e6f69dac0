// Help, declarations and what they do: no flag without help, no help without a flag, no variable without a test of what it sets.
import { expect, test } from "vitest";
import { environmentSchema, parseEnv, type ServerEnv } from "../env.js";
import { commandTable } from "./commands.js";
import { serverCommand } from "./server.js";

const flagsIn = (text: string) => new Set([...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, name]) => name));

test.each(commandTable)("attune $name declares the flags that its help explains, and no others", async ({ load }) => {
  const { options, usage } = await load();
  const declared = new Set([...Object.keys(options), "json"]);
  // Examples show other programs, too.
  const explained = flagsIn(usage.replace(/^.*attune-agent .*$/gm, ""));
  explained.delete("help");
  expect([...explained].sort()).toEqual([...declared].sort());
});

/** A value of each variable, and what it sets. */
const variables: Record<string, readonly [value: string, sets: Partial<Record<keyof ServerEnv, unknown>>]> = {
  ATTUNE_HOME: ["/var/fleet", { home: "/var/fleet" }],
  ATTUNE_HOST: ["0.0.0.0", { host: "0.0.0.0" }],
  ATTUNE_HTTP_PORT: ["8001", { httpPort: 8001 }],
  ATTUNE_NATS_PORT: ["8002", { natsPort: 8002 }],
  ATTUNE_POSTGRES_PORT: ["8003", { postgresPort: 8003 }],
  ATTUNE_POLL_INTERVAL_MS: ["500", { pollIntervalMs: 500 }],
  ATTUNE_LOG_LEVEL: ["warn", { logLevel: "warn" }],
  DATABASE_URL: ["postgres://db/x", { databaseUrl: "postgres://db/x" }],
  NATS_URL: ["nats://bus:4222", { natsUrl: "nats://bus:4222" }],
  ATTUNE_PUBLIC_NATS_URL: ["tls://bus:4222", { publicNatsUrl: "tls://bus:4222" }],
  ATTUNE_TRUSTED_PROXIES: ["10.0.0.0/8", { trustedProxies: "10.0.0.0/8" }],
  NATS_SERVER_BIN: ["/opt/nats-server", { natsServerBinary: "/opt/nats-server" }],
  HF_ENDPOINT: ["https://hub.test", { hubEndpoint: "https://hub.test" }],
  HF_TOKEN: ["hf_secret", { hubToken: "hf_secret" }],
  PATH: ["/bin", { path: "/bin" }],
  HOME: ["/users/me", { cacheDirectory: "/users/me/.cache/attune" }],
  XDG_CACHE_HOME: ["/cache", { cacheDirectory: "/cache/attune" }],
  HTTP_PROXY: ["http://p:1", { proxies: { http: "http://p:1", https: undefined, except: undefined } }],
  HTTPS_PROXY: ["http://p:1", { proxies: { http: undefined, https: "http://p:1", except: undefined } }],
  NO_PROXY: ["a.test", { proxies: { http: undefined, https: undefined, except: "a.test" } }],
};

test.each(Object.entries(variables))(
  "%s sets what its help says, and its default where it is empty",
  (name, [value, sets]) => {
    expect(parseEnv({ [name]: value })).toMatchObject(sets);
    expect(parseEnv({ [name]: "" })).toEqual(parseEnv({}));
  },
);

test("no variable is read or explained that is not tested here", () => {
  const tested = Object.keys(variables);
  expect(tested).toEqual(expect.arrayContaining(Object.keys(environmentSchema.shape)));
  const explained = serverCommand.usage.slice(serverCommand.usage.indexOf("Environment:"));
  const named = [...explained.matchAll(/^ {2}([A-Z_]+(?:, [A-Z_]+)*)/gm)].flatMap(([, names = ""]) =>
    names.split(", "),
  );
  expect(named.length).toBeGreaterThan(10);
  expect(tested).toEqual(expect.arrayContaining(named));
});
