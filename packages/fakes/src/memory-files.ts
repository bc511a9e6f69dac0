// The files port in memory. A kill in the middle of an append leaves half of it, as a disk would.

import type { Files } from "@attune/edge-agent/core/ports";
import { bytesSource } from "@attune/ml/tensor/safetensors";
import { AppError } from "@attune/shared/errors";
import type { Faults } from "./faults.js";

export interface MemoryFiles extends Files {
  readonly contents: Map<string, Uint8Array>;
  /** While set, every write fails as on a full disk. */
  full: boolean;
  /** The room that the disk states, where a test sets it. */
  room: number | undefined;
}

export function createMemoryFiles(faults: Faults): MemoryFiles {
  const contents = new Map<string, Uint8Array>();
  function write(path: string, effect: () => void): void {
    if (files.full) throw new AppError("DISK_FULL", `no space left for ${path}`);
    faults.step(effect);
  }
  const files: MemoryFiles = {
    contents,
    full: false,
    room: undefined,
    async read(path) {
      faults.check();
      const bytes = contents.get(path);
      if (bytes === undefined) throw new AppError("NOT_FOUND", `no file ${path}`);
      return bytes.slice();
    },
    async open(path) {
      return { ...bytesSource(await files.read(path)), close: async () => {} };
    },
    async writeDurably(path, bytes) {
      write(path, () => contents.set(path, bytes.slice()));
    },
    async append(path, bytes) {
      const before = contents.get(path) ?? new Uint8Array(0);
      const joined = (length: number) => new Uint8Array([...before, ...bytes.subarray(0, length)]);
      if (bytes.length > 1) write(path, () => contents.set(path, joined(bytes.length >> 1)));
      write(path, () => contents.set(path, joined(bytes.length)));
    },
    async size(path) {
      faults.check();
      return contents.get(path)?.length;
    },
    freeBytes: async () => files.room,
    async truncate(path, sizeBytes) {
      write(path, () => contents.set(path, contents.get(path)!.slice(0, sizeBytes)));
    },
    async remove(path) {
      const doomed = [...contents.keys()].filter((key) => key === path || key.startsWith(`${path}/`));
      for (const key of doomed) write(key, () => contents.delete(key));
    },
    async list(directory) {
      faults.check();
      const inside = [...contents.keys()].filter((key) => key.startsWith(`${directory}/`));
      return [...new Set(inside.map((key) => key.slice(directory.length + 1).split("/")[0]!))];
    },
  };
  return files;
}
