import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { egressContracts, signedBytes } from "@attune/shared/contracts/egress";
import { fromPublic } from "@nats-io/nkeys";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createDeviceKey } from "./nkey.js";

let home: string;
let path: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-nkey-"));
  path = join(home, "keys", "device.seed");
});
afterEach(() => rm(home, { recursive: true, force: true }));

test("the key is born once, kept for the owner alone, and signs what its public half verifies", async () => {
  const publicKey = await createDeviceKey(path).create();
  expect(publicKey).toMatch(/^U[A-Z2-7]{55}$/);
  const again = createDeviceKey(path);
  expect(await again.create()).toBe(publicKey);
  const message = new TextEncoder().encode("poll");
  expect(fromPublic(publicKey).verify(message, await again.sign(message))).toBe(true);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect((await stat(join(home, "keys"))).mode & 0o777).toBe(0o700);
});

test("the broker's challenge is answered with the key's signature and nothing of the seed", async () => {
  const key = createDeviceKey(path);
  const publicKey = await key.create();
  const { nkey, sig } = key.answerChallenge("nonce");
  expect(nkey).toBe(publicKey);
  const signature = new Uint8Array(Buffer.from(sig, "base64url"));
  expect(fromPublic(nkey).verify(new TextEncoder().encode("nonce"), signature)).toBe(true);
  expect(Object.keys(key).sort()).toEqual(["answerChallenge", "create", "sign"]);
});

test("what has not a challenge's form is never signed for a broker", async () => {
  const key = createDeviceKey(path);
  await key.create();
  const poll = new TextDecoder().decode(signedBytes(egressContracts[1].messages.poll, new TextEncoder().encode("{}")));
  for (const nonce of ["", "{}", poll, "a b", "a\n", "A".repeat(65), "caf\u00e9"]) {
    expect(() => key.answerChallenge(nonce)).toThrow(expect.objectContaining({ code: "FORBIDDEN" }));
  }
  expect(key.answerChallenge("A".repeat(64)).sig).toHaveLength(86);
});

test("a missing key is NOT_ENROLLED, a damaged one STORE_CORRUPT", async () => {
  await expect(createDeviceKey(path).sign(new Uint8Array(1))).rejects.toMatchObject({ code: "NOT_ENROLLED" });
  await createDeviceKey(path).create();
  await writeFile(path, "SUNOTASEED");
  await expect(createDeviceKey(path).create()).rejects.toMatchObject({ code: "STORE_CORRUPT" });
});
