import { sha256 } from "@attune/platform/sha256";
import { canonicalBytes } from "@attune/shared/canonical-json";
import { expect, test } from "vitest";
import { type AuditEvent, emptyChain, followChain } from "./event-chain.js";

function chainOf(length: number): AuditEvent[] {
  const events: AuditEvent[] = [];
  for (let sequence = 1; sequence <= length; sequence++) {
    const content = {
      sequence,
      at: "2026-01-01T12:00:00.000Z",
      actor: "nora",
      reason: sequence === 2 ? null : "nightly",
      action: "token.create",
      subject: "home",
      details: { count: sequence },
      previousSha256: events.at(-1)?.sha256 ?? emptyChain.sha256,
    };
    events.push({ ...content, sha256: sha256(canonicalBytes(content)) });
  }
  return events;
}

test("a chain holds in one piece and in pages, and its head is the last event", () => {
  const events = chainOf(5);
  const whole = followChain(emptyChain, events);
  expect(whole).toEqual({ head: { sequence: 5, sha256: events[4]?.sha256 }, fault: null });
  const first = followChain(emptyChain, events.slice(0, 2));
  expect(followChain(first.head, events.slice(2))).toEqual(whole);
  expect(followChain(emptyChain, [])).toEqual({ head: emptyChain, fault: null });
});

test.each<[string, (events: AuditEvent[]) => AuditEvent[], string]>([
  ["another actor", (events) => events.with(2, { ...events[2]!, actor: "mallory" }), "event 3 was changed"],
  ["another reason", (events) => events.with(1, { ...events[1]!, reason: "x" }), "event 2 was changed"],
  ["another detail", (events) => events.with(0, { ...events[0]!, details: { count: 9 } }), "event 1 was changed"],
  ["no third event", (events) => events.toSpliced(2, 1), "event 3 is missing"],
  ["no first event", (events) => events.slice(1), "event 1 is missing"],
  ["an event twice", (events) => events.toSpliced(2, 0, events[1]!), "event 3 is missing"],
])("a chain with %s is broken there", (_what, change, fault) => {
  expect(followChain(emptyChain, change(chainOf(5))).fault).toContain(fault);
});

test("an event that was rewritten with a new hash breaks the chain at the event after it", () => {
  const events = chainOf(3);
  const { sha256: _old, ...content } = { ...events[1]!, actor: "mallory" };
  const forged = events.with(1, { ...content, sha256: sha256(canonicalBytes(content)) });
  expect(followChain(emptyChain, forged).fault).toContain("event 3 names another event before it");
});
