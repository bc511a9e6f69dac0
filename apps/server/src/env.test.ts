import { AppError } from "@attune/shared/errors";
import { expect, test } from "vitest";
import { parseEnv } from "./env.js";

function faultOf(source: Record<string, string>): AppError {
  try {
    parseEnv(source);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("it was accepted");
}

test("nothing set gives the defaults, on this machine alone", () => {
  expect(parseEnv({})).toMatchObject({ host: "127.0.0.1", httpPort: 7310, natsPort: 7322, postgresPort: 7332 });
  expect(parseEnv({}).home).toMatch(/\/\.attune$/);
});

test("a variable that is set to nothing counts as not set", () => {
  expect(parseEnv({ DATABASE_URL: "", ATTUNE_HTTP_PORT: "" })).toMatchObject({
    databaseUrl: undefined,
    httpPort: 7310,
  });
});

test.each([
  ["ATTUNE_HTTP_PORT", "http"],
  ["ATTUNE_HTTP_PORT", "70000"],
  ["ATTUNE_NATS_PORT", "-1"],
  ["ATTUNE_POSTGRES_PORT", "1.5"],
  ["ATTUNE_LOG_LEVEL", "loud"],
  ["ATTUNE_POLL_INTERVAL_MS", "1"],
  ["ATTUNE_TRUSTED_PROXIES", "yes"],
  ["ATTUNE_TRUSTED_PROXIES", "10.0.0.0/33"],
  ["DATABASE_URL", "mysql://x"],
  ["NATS_URL", "not a url"],
  // These programs do not speak NATS over WebSocket, so the URL's TLS would be ignored as well.
  ["NATS_URL", "wss://example.org"],
  ["ATTUNE_PUBLIC_NATS_URL", "wss://example.org"],
])("%s = %s is refused by name", (name, value) => {
  const fault = faultOf({ [name]: value });
  expect(fault.code).toBe("INVALID_CONFIGURATION");
  expect(fault.message).toContain(name);
});

test("all faulty variables are named at once, and a password in one is not repeated", () => {
  const { message } = faultOf({ ATTUNE_HTTP_PORT: "x", DATABASE_URL: "mysql://me:hunter2@host/x" });
  expect(message).toContain("ATTUNE_HTTP_PORT");
  expect(message).toContain("DATABASE_URL");
  expect(message).not.toContain("hunter2");
});
