import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createAesCipher } from "./aes-cipher.js";
import { openLevelStore } from "./level-store.js";
import { createDeviceKey } from "./nkey.js";
import { createNodeFiles } from "./node-files.js";
import { createNodeHashing } from "./node-hashing.js";
import { plainBytes } from "./plain-bytes.js";

test("a slice of plain bytes is a copy with memory of its own, unlike that of a Buffer", () => {
  const buffer = Buffer.from("from the pool");
  expect(buffer.slice().buffer.byteLength).toBeGreaterThan(buffer.length);
  expect(plainBytes(buffer).slice().buffer.byteLength).toBe(buffer.length);
  expect(Buffer.from(plainBytes(buffer)).toString()).toBe("from the pool");
});

test("no adapter hands the core a Buffer", async () => {
  const home = await mkdtemp(join(tmpdir(), "attune-bytes-"));
  const bytes = new TextEncoder().encode("bytes");
  const files = createNodeFiles(home);
  const cipher = createAesCipher(randomBytes(32));
  const hashing = createNodeHashing(randomBytes(32));
  const key = createDeviceKey(join(home, "seed"));
  const store = await openLevelStore(join(home, "store"));
  await files.writeDurably("a", bytes);
  await store.batch([{ type: "put", key: "a", value: bytes }]);
  await key.create();
  const handed: unknown[] = [
    await files.read("a"),
    await cipher.seal(bytes, "a"),
    await cipher.open(await cipher.seal(bytes, "a"), "a"),
    hashing.randomBytes(4),
    await key.sign(bytes),
    await store.get("a"),
  ];
  for await (const [, value] of store.entries("")) handed.push(value);
  await store.close();
  await rm(home, { recursive: true, force: true });
  expect(handed).toHaveLength(7);
  for (const value of handed) expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
});
