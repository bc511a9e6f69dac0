// Help and declarations agree with the program: every flag has help, every help has a flag, and each
// variable's effect is tested.

import { helpOf } from "@attune/platform/cli/help";
import { placesIn, rootOf } from "@attune/platform/cli/program";
import { expect, test } from "vitest";
import { type AgentEnv, envSchema, readEnv } from "../env.js";
import { attuneAgent } from "./commands.js";

const places = placesIn(rootOf(attuneAgent));
const flagsIn = (text: string) => [...new Set([...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, name]) => name))];

test.each(places)("$path declares the flags that its help and its examples name, and no others", (place) => {
  const named = flagsIn(helpOf(place));
  expect(named.sort()).toEqual([...Object.keys(place.options), "help"].sort());
});

/** For each variable a value, and the settings that follow from the value. */
const variables: Record<string, readonly [value: string, sets: Partial<AgentEnv>]> = {
  ATTUNE_AGENT_HOME: ["/var/agent", { home: "/var/agent" }],
  ATTUNE_SERVER: ["https://fleet.test", { server: "https://fleet.test" }],
  ATTUNE_NATS_URL: ["nats://relay:4222", { natsUrl: "nats://relay:4222" }],
  ATTUNE_OUTBOX_LIMIT: ["50", { outboxLimit: 50 }],
  ATTUNE_AGENT_PORT: ["8001", { port: 8001 }],
  ATTUNE_THREADS: ["2", { threads: 2 }],
  ATTUNE_LOG_LEVEL: ["warn", { logLevel: "warn" }],
};

test.each(Object.entries(variables))(
  "%s sets what the help says, and its default where it is empty",
  (name, [value, sets]) => {
    expect(readEnv({ [name]: value })).toMatchObject(sets);
    expect(readEnv({ [name]: "" })).toEqual(readEnv({}));
  },
);

test("no variable is read that is not tested here and explained in a help", () => {
  expect(Object.keys(variables).sort()).toEqual(Object.keys(envSchema.shape).sort());
  const help = places.map(helpOf).join();
  for (const name of Object.keys(variables)) expect(help).toContain(name);
});
