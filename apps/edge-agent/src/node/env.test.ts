import { expect, test } from "vitest";
import { readEnv } from "./env.js";

test("without variables the defaults hold, and an empty variable counts as not set", () => {
  const env = readEnv({ ATTUNE_SERVER: "", ATTUNE_AGENT_PORT: "" });
  expect(env).toMatchObject({ server: undefined, outboxLimit: 10_000, threads: 1, port: 0, logLevel: "info" });
  expect(env.home).toMatch(/\.attune-agent$/);
});

test("a bad value is refused by the variable's name", () => {
  for (const [name, value] of [
    ["ATTUNE_AGENT_PORT", "70000"],
    ["ATTUNE_OUTBOX_LIMIT", "many"],
    ["ATTUNE_THREADS", "0"],
    ["ATTUNE_LOG_LEVEL", "chatty"],
    ["ATTUNE_SERVER", "ftp://example.org"],
    // This program does not speak NATS over WebSocket, and would pass over the TLS of such an address.
    ["ATTUNE_NATS_URL", "wss://example.org"],
  ] as const) {
    expect(() => readEnv({ [name]: value })).toThrow(expect.objectContaining({ code: "INVALID_CONFIGURATION" }));
    expect(() => readEnv({ [name]: value })).toThrow(new RegExp(name));
  }
});
