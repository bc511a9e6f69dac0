// A release takes over what the device's slots hold: random releases that share chunks, damaged slots,
// and deaths while copying.

import { createFakeFleet, type FakeFleet } from "@attune/fakes/fake-fleet";
import { createFaults } from "@attune/fakes/faults";
import { createMemoryFiles, type MemoryFiles } from "@attune/fakes/memory-files";
import { createTestHashing, sha256Hex } from "@attune/fakes/node-crypto";
import { createTestDownloader } from "@attune/fakes/test-downloader";
import {
  createTinyRelease,
  signManifest,
  type TinyRelease,
  testSigner,
  testTrustedKeys,
} from "@attune/fakes/tiny-release";
import { createRandom, type Random } from "@attune/ml/tensor/random";
import { type ReleaseFileName, releaseFileNames } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { pinnedRoot } from "@attune/shared/trust/root";
import { beforeEach, describe, expect, test } from "vitest";
import { fetchRelease, verifySlot } from "./fetch-release.js";
import { pruneSlots, slotFile } from "./slots.js";

const { release: template } = createTinyRelease();
const hashing = createTestHashing("local");
const model = "model.safetensors";

type Contents = Readonly<Record<ReleaseFileName, readonly Uint8Array[]>>;

/** A signed release whose files consist of these chunks. */
function releaseOf(sequence: number, contents: Contents): TinyRelease {
  const chunks = new Map<string, Uint8Array>();
  const files = new Map<ReleaseFileName, Uint8Array>();
  const listed = releaseFileNames.map((name) => {
    const bytes = Uint8Array.from(contents[name].flatMap((part) => [...part]));
    files.set(name, bytes);
    for (const part of contents[name]) chunks.set(sha256Hex(part), part);
    const described = contents[name].map((part) => ({ sha256: sha256Hex(part), sizeBytes: part.length }));
    return { name, sizeBytes: bytes.length, sha256: sha256Hex(bytes), chunks: described };
  });
  const release = { ...template, sequence, files: listed };
  const manifest = signManifest(release, [testSigner]);
  return { release, files, chunks, manifest, manifestSha256: sha256Hex(manifest) };
}

let fleet: FakeFleet;
let files: MemoryFiles;
let faults: ReturnType<typeof createFaults>;
/** Begins with an empty device. */
function start(): void {
  fleet = createFakeFleet();
  faults = createFaults();
  files = createMemoryFiles(faults);
}
beforeEach(start);

const expectationsOf = ({ release, manifestSha256 }: TinyRelease) => ({
  target: { sequence: release.sequence, manifestSha256 },
  root: pinnedRoot(testTrustedKeys),
  highest: null,
  knownContracts: [1],
  nowMs: Date.parse("2026-11-22T00:00:00Z"),
});

/** Fetches the release into its slot. Returns the chunks that were fetched, each as often as it was. */
async function take(release: TinyRelease): Promise<string[]> {
  fleet.publish(release);
  const before = fleet.requests.length;
  const downloader = createTestDownloader(fleet, files);
  const parts = { files, hashing, log: () => undefined, downloader, onManifest: () => undefined };
  const expected = expectationsOf(release);
  expect(await fetchRelease(parts, expected, new AbortController().signal)).toMatchObject({ ok: true });
  expect(await verifySlot({ files, hashing }, expected)).toMatchObject({ ok: true });
  for (const [name, bytes] of release.files) {
    expect(files.contents.get(slotFile(release.release.sequence, name))).toEqual(bytes);
  }
  return chunksAskedFor(before);
}

const chunksAskedFor = (since: number) =>
  fleet.requests.slice(since).flatMap(({ path }) => (path.includes("/chunks/") ? [path.split("/").at(-1)!] : []));

/** Chunks of random bytes, of which some are alike. */
function makePool(random: Random): Uint8Array[] {
  return Array.from({ length: 24 }, () => {
    const size = 1 + random.integer(40);
    return random.integer(6) === 0 ? new Uint8Array(8) : Uint8Array.from({ length: size }, () => random.integer(256));
  });
}

const drawContents = (random: Random, pool: readonly Uint8Array[]): Contents =>
  fileContents(() => Array.from({ length: 1 + random.integer(5) }, () => pool[random.integer(pool.length)]!));

function fileContents(make: (name: ReleaseFileName) => readonly Uint8Array[]): Contents {
  return Object.fromEntries(releaseFileNames.map((name) => [name, make(name)])) as unknown as Contents;
}

/** The same bytes in other chunks. */
function recut(parts: readonly Uint8Array[], size: number): Uint8Array[] {
  const bytes = Uint8Array.from(parts.flatMap((part) => [...part]));
  return Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.slice(i * size, (i + 1) * size));
}

/** Each chunk that neither the slots nor an earlier place of the release hold, once. */
function lacked(release: TinyRelease, slots: readonly TinyRelease[]): string[] {
  const held = slots.flatMap((slot) => slot.release.files);
  const heldChunks = held.flatMap(({ chunks }) => chunks.map(({ sha256 }) => sha256));
  const needed = release.release.files
    .filter((file) => held.every(({ sha256 }) => sha256 !== file.sha256))
    .flatMap(({ chunks }) => chunks.map(({ sha256 }) => sha256));
  return [...new Set(needed)].filter((sha256) => !heldChunks.includes(sha256));
}

const bytesOf = (text: string) => new TextEncoder().encode(text);
const parts = (text: string) => text.split(" ").map(bytesOf);
const plain = fileContents((name) => parts(`${name} body`));
const hashes = (text: string) => parts(text).map(sha256Hex);

describe("a release whose pieces the device has in part", () => {
  test("is whole after exactly the lacked chunks", async () => {
    for (let seed = 0; seed < 60; seed++) {
      start();
      const random = createRandom(seed);
      const pool = makePool(random);
      const first = releaseOf(1, drawContents(random, pool));
      const second = releaseOf(2, drawContents(random, pool));
      const third = releaseOf(
        3,
        fileContents((name) => {
          const shared = [first, second][random.integer(2)]!;
          const others = releaseFileNames[random.integer(releaseFileNames.length)]!;
          if (random.integer(3) > 0) return drawContents(random, pool)[name];
          return recut([shared.files.get(others)!], 1 + random.integer(30));
        }),
      );
      expect(await take(first)).toEqual(lacked(first, []));
      expect(await take(second), `seed ${seed}`).toEqual(lacked(second, [first]));
      expect(await take(third), `seed ${seed}`).toEqual(lacked(third, [second, first]));
    }
  });

  test("is whole whatever became of the slots", async () => {
    for (let seed = 0; seed < 50; seed++) {
      start();
      const random = createRandom(seed);
      const pool = makePool(random);
      const first = releaseOf(1, drawContents(random, pool));
      await take(first);
      for (const name of [...releaseFileNames, "manifest.json" as const]) {
        const path = slotFile(1, name);
        const bytes = files.contents.get(path)!;
        const fate = random.integer(4);
        if (fate === 0) files.contents.delete(path);
        if (fate === 1) files.contents.set(path, bytes.slice(0, random.integer(bytes.length)));
        if (fate === 2) bytes[random.integer(bytes.length)]! ^= 1 + random.integer(255);
      }
      const second = releaseOf(2, drawContents(random, pool));
      const fetched = await take(second);
      expect(fetched).toEqual(expect.arrayContaining(lacked(second, [first])));
      expect(new Set(fetched).size).toBe(fetched.length);
    }
  });

  test("asks for its manifest alone where another release has the same bytes", async () => {
    await take(releaseOf(1, plain));
    const before = fleet.wire.length;
    const same = releaseOf(2, plain);
    expect(await take(same)).toEqual([]);
    expect(fleet.wire.slice(before)).toEqual([`/v1/manifests/${same.manifestSha256}`]);
  });

  test("takes a file whose bytes are the same under another name and in other chunks", async () => {
    await take(releaseOf(1, { ...plain, "golden.json": parts("one two three four") }));
    // Another golden.json is all that is new.
    expect(await take(releaseOf(2, { ...plain, [model]: [bytesOf("onetwothr"), bytesOf("eefour")] }))).toEqual(
      hashes("golden.json"),
    );
  });

  test("fetches a chunk that occurs twice once, in one file and in two", async () => {
    const twice = { ...plain, "golden.json": parts("again"), [model]: parts("again new again again") };
    expect(await take(releaseOf(1, twice))).toEqual(expect.arrayContaining(hashes("again new")));
    expect(chunksAskedFor(0).filter((sha256) => sha256 === sha256Hex(bytesOf("again")))).toHaveLength(1);
  });

  test("takes from a slot that holds half a file the half that is there", async () => {
    await take(releaseOf(1, { ...plain, [model]: parts("aaaa bbbb cccc dddd") }));
    files.contents.set(slotFile(1, model), bytesOf("aaaabbbbcc"));
    expect(await take(releaseOf(2, { ...plain, [model]: parts("dddd cccc bbbb aaaa") }))).toEqual(hashes("dddd cccc"));
  });

  test("fetches a chunk whose copy in the slot is damaged, and no other", async () => {
    await take(releaseOf(1, { ...plain, [model]: parts("aaaa bbbb cccc") }));
    files.contents.get(slotFile(1, model))![5]! ^= 1;
    expect(await take(releaseOf(2, { ...plain, [model]: parts("aaaa bbbb cccc") }))).toEqual(hashes("bbbb"));
  });

  test("fetches what a slot holds but does not let be read", async () => {
    await take(releaseOf(1, plain));
    const { open } = files;
    files.open = async (path) => {
      if (path === slotFile(1, model)) throw new AppError("STORE_CORRUPT", "a bad block (by the test)");
      return open(path);
    };
    expect(await take(releaseOf(2, plain))).toEqual(hashes(model));
  });

  test("shares nothing with the slot that it was copied from", async () => {
    await take(releaseOf(1, plain));
    const second = releaseOf(2, plain);
    await take(second);
    files.contents.get(slotFile(1, model))![0]! ^= 1;
    await pruneSlots(files, [2]);
    expect(files.contents.get(slotFile(2, model))).toEqual(second.files.get(model));
  });

  test("reads no file of a slot as a whole but the manifest", async () => {
    await take(releaseOf(1, plain));
    const read: string[] = [];
    const whole = files.read;
    const downloader = createTestDownloader(fleet, files);
    const second = releaseOf(2, plain);
    fleet.publish(second);
    // The fake opens a file by reading it.
    files.open = async (path) => {
      const bytes = files.contents.get(path)!;
      return {
        sizeBytes: bytes.length,
        read: (offset, into) => into.set(bytes.subarray(offset, offset + into.length)),
        close: async () => undefined,
      };
    };
    files.read = async (path) => {
      read.push(path);
      return whole(path);
    };
    const all = { files, hashing, log: () => undefined, downloader, onManifest: () => undefined };
    expect(await fetchRelease(all, expectationsOf(second), new AbortController().signal)).toMatchObject({ ok: true });
    expect(new Set(read)).toEqual(new Set(["slots/1/manifest.json", "slots/2/manifest.json"]));
  });

  test("is whole after a death at any write, and fetches nothing that it has", async () => {
    const first = releaseOf(1, { ...plain, [model]: parts("aaaa bbbb cccc dddd") });
    const second = releaseOf(2, { ...plain, [model]: parts("eeee bbbb aaaa eeee dddd") });
    await take(first);
    const kept = new Map(files.contents);
    const before = faults.steps;
    await take(second);
    const steps = faults.steps - before;
    expect(steps).toBeGreaterThan(2 * releaseFileNames.length);
    for (let step = 1; step <= steps; step++) {
      for (const when of ["before", "after"] as const) {
        files.contents.clear();
        for (const [path, bytes] of kept) files.contents.set(path, bytes.slice());
        const asked = fleet.requests.length;
        faults.killAt(step, when);
        await expect(take(second)).rejects.toThrow();
        expect(faults.dead).toBe(true);
        faults.revive();
        await take(second);
        expect(new Set(chunksAskedFor(asked)), `killed ${when} step ${step}`).toEqual(new Set(hashes("eeee")));
      }
    }
  });
});
