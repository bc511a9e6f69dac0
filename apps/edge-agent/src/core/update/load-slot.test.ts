// A slot is loaded from files that are checked first, and the model is never in memory whole.

import { createFaults } from "@attune/fakes/faults";
import { createMemoryFiles } from "@attune/fakes/memory-files";
import { createTestHashing } from "@attune/fakes/node-crypto";
import { createTinyRelease } from "@attune/fakes/tiny-release";
import { kernelWeights, loadTensors } from "@attune/ml/engine/kernel-weights";
import { referenceEngine } from "@attune/ml/engine/reference-engine";
import { releaseSchema } from "@attune/shared/contracts/release";
import { describe, expect, test } from "vitest";
import type { Files } from "../ports.js";
import { checkReleaseFiles, loadSlot } from "./load-slot.js";
import { slotFile } from "./slots.js";

const release = createTinyRelease({ sequence: 1 });
const modelPath = slotFile(1, "model.safetensors");
const target = { sequence: 1, manifestSha256: release.manifestSha256 };

function slot() {
  const files = createMemoryFiles(createFaults());
  files.contents.set(slotFile(1, "manifest.json"), release.manifest);
  for (const [name, bytes] of release.files) files.contents.set(slotFile(1, name), bytes.slice());
  return files;
}

/** Logs the model's reads and its closing; `onRead` may change the bytes that were read. */
function watched(files: Files, onRead: (bytes: Uint8Array) => void = () => {}) {
  const log: (number | "closed")[] = [];
  const open = async (path: string) => {
    const opened = await files.open(path);
    return {
      sizeBytes: opened.sizeBytes,
      read(offset: number, into: Uint8Array) {
        log.push(into.length);
        opened.read(offset, into);
        onRead(into);
      },
      async close() {
        log.push("closed");
        await opened.close();
      },
    };
  };
  return { files: { ...files, open }, log };
}

const hashing = createTestHashing("load-slot");

describe("a slot", () => {
  test("is loaded with the model closed again, also when it is refused", async () => {
    const { files, log } = watched(slot());
    expect(await loadSlot({ files, hashing, engine: referenceEngine }, target)).toMatchObject({ ok: true });
    expect(log.at(-1)).toBe("closed");
    expect(log.filter((entry) => entry === "closed")).toHaveLength(1);
  });

  test.each([
    ["changed", (bytes: Uint8Array) => bytes.with(bytes.length - 1, bytes.at(-1)! ^ 1), "digestMismatch"],
    ["cut", (bytes: Uint8Array) => bytes.slice(0, -1), "sizeMismatch"],
  ])("whose model was %s is refused before a tensor is looked at, and the file removed", async (_, damage, reason) => {
    for (const load of [loadSlot, checkReleaseFiles]) {
      const memory = slot();
      memory.contents.set(modelPath, damage(memory.contents.get(modelPath)!));
      const { files, log } = watched(memory);
      const engine = { ...referenceEngine, createEncoder: () => expect.unreachable("the model was used") };
      const ports = { files, hashing, engine };
      const outcome = await (load === loadSlot
        ? loadSlot(ports, target)
        : checkReleaseFiles(ports, releaseSchema.parse(release.release)));
      expect(outcome).toMatchObject({ ok: false, reason });
      expect(log.at(-1)).toBe("closed");
      expect(memory.contents.has(modelPath)).toBe(false);
    }
  });

  test("whose model is overwritten while it is read is refused, or found to answer otherwise: it never crashes", async () => {
    const size = release.files.get("model.safetensors")!.length;
    for (const value of [0, 0x7b, 0xff]) {
      let digested = false;
      const overwrite = (bytes: Uint8Array) => {
        if (digested) bytes.fill(value);
        digested ||= bytes.length === size;
      };
      const { files } = watched(slot(), overwrite);
      const outcome = await loadSlot({ files, hashing, engine: referenceEngine }, target);
      expect(outcome).toMatchObject({ ok: false, reason: "extractorInvalid" });
    }
  });

  test("gives an engine with kernels its model in parts, none larger than the engine has room for or than one row", async () => {
    const { files, log } = watched(slot());
    const room = 100;
    const widest = { bytes: 0, whole: 0 };
    const engine: typeof referenceEngine = {
      ...referenceEngine,
      createEncoder(config, tensors) {
        log.length = 0;
        const weights = kernelWeights(config, tensors);
        // Vectors and scales, which are small, have been read by now.
        log.length = 0;
        loadTensors(weights, room, ({ rowBytes, rows }) => {
          widest.bytes = Math.max(widest.bytes, rowBytes);
          widest.whole = Math.max(widest.whole, rowBytes * rows);
          return 0;
        });
        const most = Math.max(...log.filter((entry) => entry !== "closed"));
        expect(most).toBeLessThanOrEqual(Math.max(room, widest.bytes));
        expect(most).toBeLessThan(widest.whole / 4);
        return referenceEngine.createEncoder(config, tensors);
      },
    };
    expect(await loadSlot({ files, hashing, engine }, target)).toMatchObject({ ok: true });
    expect(widest.whole).toBeGreaterThan(0);
  });
});
