// Node's own file system with a fault at a chosen call below one folder, and the possible states after a power cut.
// No module is replaced: calls without a fault work as in production. Calls that no durable write should make can fail as well.

import { createRequire, syncBuiltinESMExports } from "node:module";
import { dirname } from "node:path";

const require = createRequire(import.meta.url);
const promises = require("node:fs/promises") as Record<string, AnyCall>;
const sync = require("node:fs") as Record<string, AnyCall>;
const real = { ...sync } as unknown as typeof import("node:fs");

// biome-ignore lint/suspicious/noExplicitAny: each of Node's calls has its own arguments.
type AnyCall = (...args: any[]) => any;
type Handle = Record<string, AnyCall> & { readonly fd: number };

/** `torn`: half of a write, then no space. `crash`: that call, and every later call, never happens. */
export type Fault = "EIO" | "ENOSPC" | "torn" | "crash";
/** The unsynced part that a power cut loses: nothing, written data, or new names. */
export type Lost = "nothing" | "data" | "names";

export class Crash extends Error {}

export interface FailedRun<T> {
  /** False where the run had fewer calls, and so met no fault. */
  readonly isReached: boolean;
  readonly value: T | undefined;
  readonly error: unknown;
  /** Leaves the folder in a state that a power cut at the end of the run may cause. */
  cutPower(lost: Lost): void;
}

/** Calls that change the disk; all other calls only read. */
const changing = ["chmod", "mkdir", "rm", "truncate", "copyFile", "link", "rename"];
const looking = ["readFile", "readdir", "stat", "access"];

/** Runs `action` with `fault` at the `at`-th call (1 = the first) on `root` or anything below it. */
export async function withFault<T>(
  { root, fault, at }: { readonly root: string; readonly fault: Fault; readonly at: number },
  action: () => Promise<T>,
): Promise<FailedRun<T>> {
  let calls = 0;
  let isDead = false;
  /** The bytes of each file that were on the disk before its first unsynced write. */
  const unsyncedData = new Map<string, number>();
  const unsyncedNames: { readonly directory: string; readonly undo: () => void }[] = [];
  const open = new Map<number, string>();
  const patched: (() => void)[] = [];

  /** Throws where the fault is due. True means that half of the write is to be done first. */
  function meets(call: string, kind: "change" | "write" | "look"): boolean {
    if (isDead) throw new Crash(call);
    const counts = fault === "torn" ? kind === "write" : fault !== "ENOSPC" || kind !== "look";
    if (!counts || ++calls !== at) return false;
    if (kind === "write" && (fault === "torn" || fault === "crash")) return true;
    return fail(call);
  }
  function fail(call: string): never {
    if (fault === "crash") {
      isDead = true;
      throw new Crash(call);
    }
    const code = fault === "EIO" ? "EIO" : "ENOSPC";
    throw Object.assign(new Error(`${code}: ${call}`), { code, syscall: call });
  }
  function named(path: string, undo: () => void): void {
    unsyncedNames.push({ directory: dirname(path), undo });
  }
  function opened(path: string, fd: number, existed: boolean): void {
    open.set(fd, path);
    if (!existed) named(path, () => real.rmSync(path, { force: true }));
  }
  function synced(path: string): void {
    unsyncedData.delete(path);
    for (let i = unsyncedNames.length - 1; i >= 0; i--) {
      if (unsyncedNames[i]!.directory === path) unsyncedNames.splice(i, 1);
    }
  }
  function beforeRename(from: string, to: string): void {
    const old = real.statSync(to, { throwIfNoEntry: false })?.isFile() ? real.readFileSync(to) : undefined;
    named(to, () => {
      if (real.existsSync(to)) real.renameSync(to, from);
      if (old !== undefined) real.writeFileSync(to, old);
    });
    const kept = unsyncedData.get(from);
    if (kept !== undefined) unsyncedData.set(to, kept);
    unsyncedData.delete(from);
  }
  function written(path: string): void {
    if (!unsyncedData.has(path)) unsyncedData.set(path, real.statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  }

  function patch(target: Record<string, AnyCall>, name: string, make: (original: AnyCall) => AnyCall): void {
    const original = target[name]!;
    target[name] = make(original.bind(target));
    patched.push(() => {
      target[name] = original;
    });
  }
  const isInside = (path: unknown): path is string => typeof path === "string" && path.startsWith(root);

  /** The steps before a call that is named by its path, shared by the synchronous and the asynchronous kind. */
  function before(name: string, args: readonly unknown[]): void {
    meets(name, looking.includes(name) ? "look" : "change");
    const [from, to] = args as [string, string];
    if (name === "rename") beforeRename(from, to);
    if (name === "link") named(to, () => real.rmSync(to, { force: true }));
    if (name === "copyFile") written(to);
  }
  for (const name of [...changing, ...looking]) {
    patch(promises, name, (call) => async (...args) => {
      if (isInside(args[0])) before(name, args);
      return call(...args);
    });
    patch(sync, `${name}Sync`, (call) => (...args) => {
      if (isInside(args[0])) before(name, args);
      return call(...args);
    });
  }
  // Node's own existsSync answers false where it cannot look.
  patch(sync, "existsSync", (call) => (path) => {
    if (!isInside(path)) return call(path);
    try {
      meets("access", "look");
    } catch (error) {
      if (error instanceof Crash) throw error;
      return false;
    }
    return call(path);
  });

  const creates = (flags: unknown): boolean => typeof flags === "string" && flags !== "r";
  const halfOf = (content: string | Uint8Array) => Buffer.from(content as string).subarray(0, content.length / 2);

  function followHandle(handle: Handle, path: string): Handle {
    for (const name of ["writeFile", "sync", "chmod", "truncate", "read", "readFile", "stat"]) {
      const call = handle[name]!.bind(handle);
      const kind = name === "writeFile" ? "write" : /^(read|readFile|stat)$/.test(name) ? "look" : "change";
      handle[name] = async (...args) => {
        const isTorn = meets(name, kind);
        if (kind === "write") written(path);
        if (isTorn) {
          await call(halfOf(args[0]));
          fail(name);
        }
        const result = await call(...args);
        if (name === "sync") synced(path);
        return result;
      };
    }
    return handle;
  }
  patch(promises, "open", (call) => async (path, flags, ...rest) => {
    if (!isInside(path)) return call(path, flags, ...rest);
    meets("open", creates(flags) ? "change" : "look");
    const existed = real.existsSync(path);
    const handle = (await call(path, flags, ...rest)) as Handle;
    opened(path, handle.fd, existed);
    return followHandle(handle, path);
  });
  patch(promises, "writeFile", (call) => async (path, content, ...rest) => {
    if (!isInside(path)) return call(path, content, ...rest);
    const isTorn = meets("writeFile", "write");
    written(path);
    if (!real.existsSync(path)) named(path, () => real.rmSync(path, { force: true }));
    await call(path, isTorn ? halfOf(content) : content, ...rest);
    if (isTorn) fail("writeFile");
  });
  patch(sync, "openSync", (call) => (path, flags = "r", ...rest) => {
    if (!isInside(path)) return call(path, flags, ...rest);
    meets("open", creates(flags) ? "change" : "look");
    const existed = real.existsSync(path);
    const fd = call(path, flags, ...rest) as number;
    opened(path, fd, existed);
    return fd;
  });
  for (const name of ["writeSync", "appendFileSync"]) {
    patch(sync, name, (call) => (fd, content, ...rest) => {
      const path = open.get(fd);
      if (path === undefined) return call(fd, content, ...rest);
      const isTorn = meets(name, "write");
      written(path);
      const done = isTorn ? call(fd, halfOf(content)) : call(fd, content, ...rest);
      if (isTorn) fail(name);
      return done;
    });
  }
  patch(sync, "fsyncSync", (call) => (fd) => {
    const path = open.get(fd);
    if (path !== undefined) meets("fsync", "change");
    call(fd);
    if (path !== undefined) synced(path);
  });

  const outcome: { value?: T; error?: unknown } = {};
  syncBuiltinESMExports();
  try {
    outcome.value = await action();
  } catch (error) {
    outcome.error = error;
  } finally {
    for (const restore of patched.reverse()) restore();
    syncBuiltinESMExports();
  }
  return {
    isReached: calls >= at,
    value: outcome.value,
    error: outcome.error,
    cutPower: (lost) => {
      if (lost === "data") for (const [path, keptBytes] of unsyncedData) tear(path, keptBytes);
      if (lost === "names") for (const { undo } of unsyncedNames.toReversed()) undo();
    },
  };
}

function tear(path: string, keptBytes: number): void {
  const found = real.statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) real.truncateSync(path, keptBytes + Math.floor((found.size - keptBytes) / 2));
}
