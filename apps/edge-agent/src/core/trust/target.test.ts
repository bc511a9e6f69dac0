import { signTarget } from "@attune/fakes/fake-fleet";
import { createSigningKey, createTestHashing } from "@attune/fakes/node-crypto";
import { testTrustedKeys } from "@attune/fakes/tiny-release";
import type { Message } from "@attune/shared/contracts/egress";
import type { SignedTarget } from "@attune/shared/contracts/target-state";
import { pinnedRoot } from "@attune/shared/trust/root";
import { expect, test } from "vitest";
import { isExpired, verifyTarget } from "./target.js";

const device = "d".repeat(32);
const epoch = "0123456789abcdef";
const poll: Message<"poll"> = {
  type: "poll",
  contract: 1,
  device,
  epoch,
  sequence: 7,
  releaseSequence: 0,
  state: "idle",
  reason: "none",
};
const target: SignedTarget = {
  version: 2,
  kind: "target",
  device,
  epoch,
  sequence: 7,
  number: 12,
  beginEpoch: false,
  reports: 0,
  issuedAt: "2026-11-22T00:00:00.000Z",
  expiresAt: "2026-11-29T00:00:00.000Z",
  release: null,
  nats: { urls: ["nats://127.0.0.1:4222"], userJwt: "jwt" },
  pollIntervalMs: 1_000,
};
const root = pinnedRoot(testTrustedKeys);
const judge = (answer: unknown, highestNumber = 11) =>
  verifyTarget(answer, { poll, root, highestNumber }, createTestHashing("target"));

test("a target that the release keys have signed for this poll is accepted", async () => {
  expect(await judge(signTarget(target))).toEqual({ ok: true, value: target });
});

test.each([
  ["malformed", "no envelope", { version: 1, device, release: null }],
  ["malformed", "a release's manifest", signTarget({ ...target, kind: "release" } as unknown as SignedTarget)],
  ["malformed", "a field that nobody declared", signTarget({ ...target, note: "x" } as SignedTarget)],
  ["signature", "another key", signTarget(target, createSigningKey())],
  ["signature", "a change after the signature", { ...signTarget(target), payload: { ...target, number: 13 } }],
  ["anotherPoll", "another device", signTarget({ ...target, device: "e".repeat(32) })],
  ["anotherPoll", "another epoch", signTarget({ ...target, epoch: "f".repeat(16) })],
  ["anotherPoll", "an earlier poll", signTarget({ ...target, sequence: 6 })],
  ["older", "a number seen before", signTarget({ ...target, number: 11 })],
])("is refused as %s: %s", async (reason, _what, answer) => {
  expect(await judge(answer)).toMatchObject({ ok: false, reason });
});

test("the keys that sign answers may be others than those that sign manifests", async () => {
  const online = createSigningKey();
  const timestamp = { keyIds: [online.keyId], threshold: 1 };
  const apart = {
    ...root,
    keys: { ...root.keys, [online.keyId]: online.publicKey },
    roles: { ...root.roles, timestamp },
  };
  const check = (answer: unknown) =>
    verifyTarget(answer, { poll, root: apart, highestNumber: 11 }, createTestHashing("target"));
  expect(await check(signTarget(target))).toMatchObject({ ok: false, reason: "signature" });
  expect(await check(signTarget(target, online))).toEqual({ ok: true, value: target });
});

test("the word to begin a new epoch has no number, for a restored store has seen none", async () => {
  const begin = { ...target, beginEpoch: true, number: 0 };
  expect(await judge(signTarget(begin))).toEqual({ ok: true, value: begin });
});

test("a target is over a day after its end, and never by a clock that is behind", () => {
  const end = Date.parse(target.expiresAt);
  expect(isExpired(target.expiresAt, end + 86_000_000)).toBe(false);
  expect(isExpired(target.expiresAt, end + 87_000_000)).toBe(true);
  expect(isExpired(target.expiresAt, 0)).toBe(false);
});
