// Downloads through everything that networks and servers do to them.

import { createFakeFleet, type FakeFleet, pieces } from "@attune/fakes/fake-fleet";
import { createFaults } from "@attune/fakes/faults";
import { createMemoryFiles, type MemoryFiles } from "@attune/fakes/memory-files";
import { createTestDownloader } from "@attune/fakes/test-downloader";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { AppError } from "@attune/shared/errors";
import { beforeEach, describe, expect, test } from "vitest";
import type { Downloader } from "./download.js";
import type { LocalPieces } from "./local-pieces.js";

const release = createTinyRelease();
const model = release.release.files.find(({ name }) => name === "model.safetensors")!;
const modelBytes = release.files.get("model.safetensors")!;
const path = "slots/1/model.safetensors";
const running = new AbortController().signal;
/** A device without other slots. */
const nothing: LocalPieces = { read: async () => undefined };

describe("a download", () => {
  let fleet: FakeFleet;
  let files: MemoryFiles;
  let downloader: Downloader;
  beforeEach(() => {
    fleet = createFakeFleet();
    fleet.publish(release);
    files = createMemoryFiles(createFaults());
    downloader = createTestDownloader(fleet, files);
  });

  const offsetsOf = (chunk: number) =>
    fleet.requests.filter(({ path: asked }) => asked.endsWith(model.chunks[chunk]!.sha256)).map(({ offset }) => offset);
  const fetchModel = (signal = running) => downloader.file({ sequence: 1, file: model, local: nothing }, signal);

  test("puts a file together from its chunks", async () => {
    expect(model.chunks.length).toBeGreaterThan(1);
    expect(await fetchModel()).toEqual({ ok: true, value: undefined });
    expect(files.contents.get(path)).toEqual(modelBytes);
    expect([...files.contents.keys()]).toEqual([path]);
  });

  test("resumes after an interruption from the last multiple of 4,096 bytes", async () => {
    let cuts = 0;
    fleet.spoil = (_, offset, whole) => {
      if (cuts >= 2) return undefined;
      cuts++;
      const sent = whole.slice(offset, offset + 4_500);
      return { status: offset > 0 ? 206 : 200, totalBytes: whole.length, body: pieces([sent], new Error("reset")) };
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(offsetsOf(0)).toEqual([0, 4_096, 8_192]);
    expect(files.contents.get(path)).toEqual(modelBytes);
  });

  test("resumes after a body that ends too early", async () => {
    let cut = false;
    fleet.spoil = (_, offset, whole) => {
      if (cut) return undefined;
      cut = true;
      return { status: 200, totalBytes: whole.length, body: pieces([whole.slice(offset, 5_000)]) };
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(offsetsOf(0)).toEqual([0, 4_096]);
  });

  test("resumes in another life with what the disk has", async () => {
    const stopping = new AbortController();
    async function* stopped(whole: Uint8Array): AsyncIterable<Uint8Array> {
      yield whole.slice(0, 9_000);
      stopping.abort();
    }
    fleet.spoil = (_, __, whole) => ({ status: 200, totalBytes: whole.length, body: stopped(whole) });
    expect(await fetchModel(stopping.signal)).toMatchObject({ ok: false, reason: "network" });
    fleet.spoil = undefined;
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(offsetsOf(0)).toEqual([0, 8_192]);
    expect(files.contents.get(path)).toEqual(modelBytes);
  });

  test("cuts off half a chunk that a crash left in the file", async () => {
    files.contents.set(path, modelBytes.slice(0, 10_000 + 123));
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(offsetsOf(0)).toEqual([]);
    expect(files.contents.get(path)).toEqual(modelBytes);
  });

  test("takes the whole body from a server that ignores Range", async () => {
    let cut = false;
    fleet.spoil = (_, __, whole) => {
      const body = cut ? pieces([whole]) : pieces([whole.slice(0, 5_000)], new Error("reset"));
      cut = true;
      return { status: 200, totalBytes: whole.length, body };
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(offsetsOf(0)).toEqual([0, 4_096]);
    expect(files.contents.get(path)).toEqual(modelBytes);
  });

  test("starts the chunk over after 416", async () => {
    let turn = 0;
    fleet.spoil = (_, __, whole) => {
      turn++;
      if (turn === 1) return { status: 200, totalBytes: whole.length, body: pieces([whole.slice(0, 5_000)]) };
      if (turn === 2) return { status: 416, totalBytes: undefined, body: pieces([]) };
      return undefined;
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(offsetsOf(0)).toEqual([0, 4_096, 0]);
  });

  test("fetches a chunk again whose bits were flipped, and gives up when they stay so", async () => {
    let flips = 1;
    fleet.spoil = (_, __, whole) => {
      if (flips-- <= 0) return undefined;
      const flipped = whole.slice();
      flipped[17]! ^= 1;
      return { status: 200, totalBytes: whole.length, body: pieces([flipped]) };
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
    files.contents.clear();
    flips = Number.POSITIVE_INFINITY;
    expect(await fetchModel()).toMatchObject({ ok: false, reason: "digestMismatch" });
    expect([...files.contents.keys()]).toEqual([]);
  });

  test("stops reading a body without an end", async () => {
    let sent = 0;
    async function* endless(): AsyncIterable<Uint8Array> {
      for (;;) {
        sent++;
        yield new Uint8Array(1_000);
      }
    }
    fleet.spoil = () => ({ status: 200, totalBytes: undefined, body: endless() });
    expect(await fetchModel()).toMatchObject({ ok: false, reason: "sizeMismatch" });
    expect(sent).toBeLessThan(50);
    expect(await downloader.manifest(release.manifestSha256, running)).toMatchObject({ reason: "sizeMismatch" });
  });

  test("does not read a body that announces another length", async () => {
    let read = false;
    fleet.spoil = () => ({
      status: 200,
      totalBytes: 10 ** 9,
      body: (async function* () {
        read = true;
        yield new Uint8Array(1);
      })(),
    });
    expect(await fetchModel()).toMatchObject({ ok: false, reason: "sizeMismatch" });
    expect(read).toBe(false);
  });

  test("does not wait for ever for a server that says nothing", async () => {
    let turn = 0;
    fleet.spoil = (_, __, whole) => {
      if (turn++ > 0) return undefined;
      const silent = { [Symbol.asyncIterator]: () => ({ next: () => new Promise<never>(() => undefined) }) };
      return { status: 200, totalBytes: whole.length, body: silent };
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
  });

  test("keeps trying while there is no network, and while the server knows no such chunk", async () => {
    let failures = 0;
    fleet.spoil = () => {
      failures++;
      if (failures > 40) return undefined;
      if (failures % 2 === 0) throw new AppError("SERVER_UNAVAILABLE", "no network");
      return { status: 404, totalBytes: undefined, body: pieces([]) };
    };
    expect(await fetchModel()).toMatchObject({ ok: true });
    expect(failures).toBeGreaterThan(40);
  });

  test("says so when the disk is full", async () => {
    files.full = true;
    await expect(fetchModel()).rejects.toMatchObject({ code: "DISK_FULL" });
  });
});
