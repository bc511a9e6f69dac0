import { beforeEach, expect, test } from "vitest";
import { createPageSessions, type PageSessions } from "./page-sessions.js";

let nowMs: number;
let sessions: PageSessions;
beforeEach(() => {
  nowMs = 0;
  sessions = createPageSessions(() => nowMs);
});

test("a code opens one session, which then stays open", () => {
  const code = sessions.newCode();
  const secret = sessions.open(code)!;
  expect(sessions.isOpen(secret)).toBe(true);
  expect(sessions.open(code)).toBeUndefined();
  nowMs += 365 * 86_400_000;
  expect(sessions.isOpen(secret)).toBe(true);
});

test("a code is neither a session nor valid after five minutes", () => {
  const code = sessions.newCode();
  expect(sessions.isOpen(code)).toBe(false);
  nowMs += 5 * 60_000 + 1;
  expect(sessions.open(code)).toBeUndefined();
});

test.each(["", "0".repeat(64), "__proto__"])("the unknown secret %o opens nothing", (secret) => {
  sessions.newCode();
  expect(sessions.open(secret)).toBeUndefined();
  expect(sessions.isOpen(secret)).toBe(false);
});

test("links and sessions are few: the oldest ends first", () => {
  const codes = Array.from({ length: 17 }, () => sessions.newCode());
  expect(sessions.open(codes[0]!)).toBeUndefined();
  const secrets = Array.from({ length: 17 }, () => sessions.open(sessions.newCode())!);
  expect(secrets.map(sessions.isOpen)).toEqual([false, ...new Array<boolean>(16).fill(true)]);
});
