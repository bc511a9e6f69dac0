// Help, declarations and what they do: no flag without help, no help without a flag, no variable without a test of what it sets.
import { expect, test } from "vitest";
import { type AgentEnv, envSchema, readEnv } from "../env.js";
import { commands, sharedOptions } from "./cli.js";
import { runCommand } from "./run.js";

const flagsIn = (text: string) => [...new Set([...text.matchAll(/--([a-z][a-z-]*)/g)].map(([, name]) => name))];

test.each(commands)("attune-agent $name declares the flags that its help explains, and no others", (command) => {
  const { options = {}, optionHelp = [], usage, examples } = command;
  expect(optionHelp.map(([option]) => flagsIn(option)[0]).sort()).toEqual(Object.keys(options).sort());
  for (const flag of [...flagsIn(usage), ...flagsIn(examples.join(" "))]) {
    expect({ ...options, ...sharedOptions }).toHaveProperty([flag as string]);
  }
});

/** A value of each variable, and what it sets. */
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
  const { details = "", optionHelp = [] } = runCommand;
  const help = `${details} ${optionHelp.flat().join(" ")} ATTUNE_AGENT_HOME`;
  for (const name of Object.keys(variables)) expect(help).toContain(name);
});
