// Node's own file system with a fault at a chosen call below one folder, and the possible states after a power
// cut. It patches the functions of Node's fs in place for one run and restores them: calls without a fault work as in
// production. Calls that no durable write should make can fail as well.

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

class Crash extends Error {}

interface FailedRun<T> {
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

interface FaultPlan {
  readonly root: string;
  readonly fault: Fault;
  /** The call that meets the fault; 1 is the first. */
  readonly at: number;
}

/** Runs `action` with `fault` at the `at`-th call on `root` or anything below it. */
export async function withFault<T>(plan: FaultPlan, action: () => Promise<T>): Promise<FailedRun<T>> {
  const disk = new FailingDisk(plan);
  const restore = replaceCalls(disk);
  const outcome: { value?: T; error?: unknown } = {};
  syncBuiltinESMExports();
  try {
    outcome.value = await action();
  } catch (error) {
    outcome.error = error;
  } finally {
    restore();
    syncBuiltinESMExports();
  }
  return {
    isReached: disk.isReached(),
    value: outcome.value,
    error: outcome.error,
    cutPower: (lost) => disk.cutPower(lost),
  };
}

type CallKind = "change" | "write" | "look";

/** Counts the calls, meets the fault, and remembers everything that is not synced. */
class FailingDisk {
  private calls = 0;
  private isDead = false;
  /** The bytes of each file that were on the disk before its first unsynced write. */
  private readonly unsyncedData = new Map<string, number>();
  private readonly unsyncedNames: { readonly directory: string; readonly undo: () => void }[] = [];
  private readonly paths = new Map<number, string>();

  constructor(private readonly plan: FaultPlan) {}

  isReached(): boolean {
    return this.calls >= this.plan.at;
  }

  isInside(path: unknown): path is string {
    return typeof path === "string" && path.startsWith(this.plan.root);
  }

  /** Throws where the fault is due. True means that half of the write is to be done first. */
  meets(call: string, kind: CallKind): boolean {
    const { fault, at } = this.plan;
    if (this.isDead) throw new Crash(call);
    const counts = fault === "torn" ? kind === "write" : fault !== "ENOSPC" || kind !== "look";
    if (!counts || ++this.calls !== at) return false;
    if (kind === "write" && (fault === "torn" || fault === "crash")) return true;
    return this.fail(call);
  }

  fail(call: string): never {
    const { fault } = this.plan;
    if (fault === "crash") {
      this.isDead = true;
      throw new Crash(call);
    }
    const code = fault === "EIO" ? "EIO" : "ENOSPC";
    throw Object.assign(new Error(`${code}: ${call}`), { code, syscall: call });
  }

  named(path: string, undo: () => void): void {
    this.unsyncedNames.push({ directory: dirname(path), undo });
  }

  created(path: string): void {
    this.named(path, () => real.rmSync(path, { force: true }));
  }

  opened(path: string, fd: number): void {
    this.paths.set(fd, path);
  }

  pathOf(fd: number): string | undefined {
    return this.paths.get(fd);
  }

  written(path: string): void {
    if (this.unsyncedData.has(path)) return;
    this.unsyncedData.set(path, real.statSync(path, { throwIfNoEntry: false })?.size ?? 0);
  }

  synced(path: string): void {
    this.unsyncedData.delete(path);
    for (let i = this.unsyncedNames.length - 1; i >= 0; i--) {
      if (this.unsyncedNames[i]!.directory === path) this.unsyncedNames.splice(i, 1);
    }
  }

  beforeRename(from: string, to: string): void {
    const old = real.statSync(to, { throwIfNoEntry: false })?.isFile() ? real.readFileSync(to) : undefined;
    this.named(to, () => {
      if (real.existsSync(to)) real.renameSync(to, from);
      if (old !== undefined) real.writeFileSync(to, old);
    });
    for (const [path, keptBytes] of [...this.unsyncedData]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.unsyncedData.delete(path);
      this.unsyncedData.set(to + path.slice(from.length), keptBytes);
    }
  }

  cutPower(lost: Lost): void {
    if (lost === "data") for (const [path, keptBytes] of this.unsyncedData) tear(path, keptBytes);
    if (lost === "names") for (const { undo } of this.unsyncedNames.toReversed()) undo();
  }
}

type Replace = (target: Record<string, AnyCall>, name: string, make: (original: AnyCall) => AnyCall) => void;

/** Returns the function that restores all calls. */
function replaceCalls(disk: FailingDisk): () => void {
  const restores: (() => void)[] = [];
  const replace: Replace = (target, name, make) => {
    const original = target[name]!;
    target[name] = make(original.bind(target));
    restores.push(() => {
      target[name] = original;
    });
  };
  replaceCallsByPath(disk, replace);
  replaceHandles(disk, replace);
  replaceDescriptors(disk, replace);
  return () => {
    for (const restore of restores.reverse()) restore();
  };
}

function replaceCallsByPath(disk: FailingDisk, replace: Replace): void {
  for (const name of [...changing, ...looking]) {
    replace(promises, name, (call) => async (...args) => {
      if (disk.isInside(args[0])) beforeCall(disk, name, args);
      return call(...args);
    });
    replace(sync, `${name}Sync`, (call) => (...args) => {
      if (disk.isInside(args[0])) beforeCall(disk, name, args);
      return call(...args);
    });
  }
  replace(promises, "writeFile", (call) => async (path, content, ...rest) => {
    if (!disk.isInside(path)) return call(path, content, ...rest);
    const isTorn = disk.meets("writeFile", "write");
    disk.written(path);
    if (!real.existsSync(path)) disk.created(path);
    await call(path, isTorn ? halfOf(content) : content, ...rest);
    if (isTorn) disk.fail("writeFile");
  });
}

/** The steps before a call that is named by its path, shared by the synchronous and the asynchronous kind. */
function beforeCall(disk: FailingDisk, name: string, args: readonly unknown[]): void {
  disk.meets(name, looking.includes(name) ? "look" : "change");
  const [from, to] = args as [string, string];
  if (name === "rename") disk.beforeRename(from, to);
  if (name === "link") disk.created(to);
  if (name === "copyFile") disk.written(to);
}

function replaceHandles(disk: FailingDisk, replace: Replace): void {
  replace(promises, "open", (call) => async (path, flags, ...rest) => {
    if (!disk.isInside(path)) return call(path, flags, ...rest);
    disk.meets("open", creates(flags) ? "change" : "look");
    const existed = real.existsSync(path);
    const handle = (await call(path, flags, ...rest)) as Handle;
    disk.opened(path, handle.fd);
    if (!existed) disk.created(path);
    return followHandle(disk, handle, path);
  });
}

function followHandle(disk: FailingDisk, handle: Handle, path: string): Handle {
  for (const name of ["writeFile", "sync", "chmod", "truncate", "read", "readFile", "stat"]) {
    const call = handle[name]!.bind(handle);
    const kind = name === "writeFile" ? "write" : /^(read|readFile|stat)$/.test(name) ? "look" : "change";
    handle[name] = async (...args) => {
      const isTorn = disk.meets(name, kind);
      if (kind === "write") disk.written(path);
      if (isTorn) {
        await call(halfOf(args[0]));
        disk.fail(name);
      }
      const result = await call(...args);
      if (name === "sync") disk.synced(path);
      return result;
    };
  }
  return handle;
}

function replaceDescriptors(disk: FailingDisk, replace: Replace): void {
  replace(sync, "openSync", (call) => (path, flags = "r", ...rest) => {
    if (!disk.isInside(path)) return call(path, flags, ...rest);
    disk.meets("open", creates(flags) ? "change" : "look");
    const existed = real.existsSync(path);
    const fd = call(path, flags, ...rest) as number;
    disk.opened(path, fd);
    if (!existed) disk.created(path);
    return fd;
  });
  for (const name of ["writeSync", "appendFileSync"]) {
    replace(sync, name, (call) => (fd, content, ...rest) => {
      const path = disk.pathOf(fd);
      if (path === undefined) return call(fd, content, ...rest);
      const isTorn = disk.meets(name, "write");
      disk.written(path);
      const done = isTorn ? call(fd, halfOf(content)) : call(fd, content, ...rest);
      if (isTorn) disk.fail(name);
      return done;
    });
  }
  replace(sync, "fsyncSync", (call) => (fd) => {
    const path = disk.pathOf(fd);
    if (path !== undefined) disk.meets("fsync", "change");
    call(fd);
    if (path !== undefined) disk.synced(path);
  });
}

const creates = (flags: unknown): boolean => typeof flags === "string" && flags !== "r";
const halfOf = (content: string | Uint8Array) => Buffer.from(content as string).subarray(0, content.length / 2);

function tear(path: string, keptBytes: number): void {
  const found = real.statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) real.truncateSync(path, keptBytes + Math.floor((found.size - keptBytes) / 2));
}
