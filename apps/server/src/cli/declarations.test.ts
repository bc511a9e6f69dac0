// Holds declarations, help and effects equal: each flag has help and a test, and each variable has a
// test of its effect.

import { readFileSync } from "node:fs";
import { helpOf } from "@attune/platform/cli/help";
import { placesIn, rootOf } from "@attune/platform/cli/program";
import { expect, test } from "vitest";
import { environmentSchema, parseEnv, type ServerEnv } from "../env.js";
import { attune } from "./commands.js";

const places = placesIn(rootOf(attune)).filter(({ command }) => command !== undefined);
const flagsIn = (text: string) => new Set([...text.matchAll(/(?<![\w-])--([a-z][a-z-]*)/g)].map(([, name]) => name));
const optionsOf = (name: string) =>
  Object.assign(
    {},
    ...places.filter(({ path }) => path[1] === name).map(({ command }) => command?.declaration.options),
  );

test.each(places)("$path declares the flags that its help and its examples name, and no others", (place) => {
  const declared = new Set([...Object.keys(optionsOf(place.path[1] as string)), "json", "help"]);
  // Examples show other programs too.
  const named = flagsIn(helpOf(place).replace(/attune-agent .*/g, ""));
  expect([...named].filter((flag) => !declared.has(flag as string))).toEqual([]);
  for (const flag of [...Object.keys(place.options), "help"]) expect(named).toContain(flag);
});

const fleetFlags = "test/integration/flags.test.ts";
const pretrainFlags = "apps/server/src/cli/pretrain-flags.test.ts";
const experiment = "apps/server/src/cli/experiment.slow.test.ts";
const extractor = "apps/server/src/cli/extractor.slow.test.ts";
const start = "test/e2e/start.test.ts";
const demo = "test/e2e/demo.test.ts";
const bench = "test/integration/bench.test.ts";
/** The test that shows the effect of each flag, by command and flag. */
const exercised: Record<string, Record<string, string>> = {
  start: { data: start, people: start, home: start },
  demo: { data: demo, people: "test/e2e/reader-gone.test.ts", home: demo },
  bench: { out: bench, markdown: bench },
  server: {
    home: "test/integration/external.test.ts",
    demo: "test/integration/demo-server.test.ts",
    "write-nats-config": "test/integration/external.test.ts",
    "nats-listen": "test/integration/external.test.ts",
  },
  backup: { home: "test/integration/backup.test.ts" },
  restore: { home: "test/integration/backup.test.ts" },
  pretrain: {
    data: pretrainFlags,
    columns: pretrainFlags,
    labels: pretrainFlags,
    extra: pretrainFlags,
    from: pretrainFlags,
    source: pretrainFlags,
    recipe: pretrainFlags,
    set: pretrainFlags,
    seed: pretrainFlags,
    teacher: pretrainFlags,
    "reference-run": pretrainFlags,
    resume: pretrainFlags,
    out: pretrainFlags,
    layers: extractor,
    vocabulary: extractor,
  },
  experiment: {
    data: experiment,
    extractor: experiment,
    split: experiment,
    report: experiment,
    jobs: experiment,
    iemocap: experiment,
    columns: "apps/server/src/cli/experiment-other-data.slow.test.ts",
    labels: "apps/server/src/cli/experiment-other-data.slow.test.ts",
    full: "packages/training/src/experiments/run/experiment.slow.test.ts",
    "with-bp": "packages/training/src/experiments/run/experiment.slow.test.ts",
  },
  extractor: {
    run: extractor,
    data: extractor,
    columns: extractor,
    labels: extractor,
    out: extractor,
    extra: extractor,
    meld: extractor,
    threads: extractor,
    pooling: "apps/server/src/cli/extractor-import.test.ts",
    "max-tokens": "apps/server/src/cli/extractor-import.test.ts",
  },
};

test.each(attune.commands.map(({ declaration }) => declaration.name))(
  "each flag of attune %s is in a test that shows what it does",
  (name) => {
    const options = optionsOf(name);
    const tests = exercised[name] ?? Object.fromEntries(Object.keys(options).map((flag) => [flag, fleetFlags]));
    expect(Object.keys(tests).sort()).toEqual(Object.keys(options).sort());
    for (const [flag, file] of Object.entries(tests)) {
      const text = readFileSync(new URL(`../../../../${file}`, import.meta.url), "utf8");
      expect(text, file).toMatch(new RegExp(`--${flag}(?![\\w-])`));
    }
  },
);

/** A value of each variable, and the settings that it changes. */
const variables: Record<string, readonly [value: string, sets: Partial<Record<keyof ServerEnv, unknown>>]> = {
  ATTUNE_HOME: ["/var/fleet", { home: "/var/fleet" }],
  ATTUNE_HOST: ["0.0.0.0", { host: "0.0.0.0" }],
  ATTUNE_HTTP_PORT: ["8001", { httpPort: 8001 }],
  ATTUNE_NATS_PORT: ["8002", { natsPort: 8002 }],
  ATTUNE_NATS_WEBSOCKET_PORT: ["8004", { natsWebsocketPort: 8004 }],
  ATTUNE_POSTGRES_PORT: ["8003", { postgresPort: 8003 }],
  ATTUNE_POLL_INTERVAL_MS: ["500", { pollIntervalMs: 500 }],
  ATTUNE_LOG_LEVEL: ["warn", { logLevel: "warn" }],
  DATABASE_URL: ["postgres://db/x", { databaseUrl: "postgres://db/x" }],
  NATS_URL: ["nats://bus:4222", { natsUrl: "nats://bus:4222" }],
  NATS_WEBSOCKET_URL: ["ws://bus:8080", { natsWebsocketUrl: "ws://bus:8080" }],
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
  const environment = places
    .flatMap(({ command }) => command?.declaration.sections ?? [])
    .filter(({ title }) => title === "Environment");
  const named = environment.flatMap(({ items }) => items.flatMap(([names]) => names.split(", ")));
  expect(named.length).toBeGreaterThan(10);
  expect(tested).toEqual(expect.arrayContaining(named));
});
