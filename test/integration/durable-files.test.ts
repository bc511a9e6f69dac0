// Every durable file of both programs, with a fault at each call that writes or reads it, and a power cut after each
// call. The owner then finds the old content or the new, whole. An unreadable file is never taken for a missing one.

import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { homePaths, readLocalApi, readServer, writeLocalApi, writeServer } from "@attune/edge-agent/node/home";
import { findDaemon, lockHome } from "@attune/edge-agent/node/home-lock";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import { createNodeFiles } from "@attune/edge-agent/node/node-files";
import { readOrCreateSecret } from "@attune/edge-agent/node/secret-file";
import { type Fault, type Lost, withFault } from "@attune/fakes/failing-disk";
import { moveAside, readTextFile } from "@attune/platform/durable-file";
import { copyFolderDurably } from "@attune/platform/durable-folder";
import { isPresent } from "@attune/platform/presence";
import { sha256 } from "@attune/platform/sha256";
import { createChunkStore } from "@attune/server/content/chunk-store";
import { openAdminToken } from "@attune/server/platform/http/admin-token";
import { createNatsCredentials, type NatsCredentials } from "@attune/server/platform/nats/nats-credentials";
import { type NatsKeys, openNatsKeys } from "@attune/server/platform/nats/nats-keys";
import { openPorts } from "@attune/server/platform/ports";
import { openReleaseSigner } from "@attune/server/signing/sign";
import { openCellStore } from "@attune/training/experiments/run/cell-store";
import { loadCheckpoint, saveCheckpoint } from "@attune/training/pretraining/loop/checkpoint";
import { createParameter } from "@attune/training/pretraining/loop/optimizer";
import { createUser } from "@nats-io/nkeys";
import { beforeAll, describe, expect, test } from "vitest";
import { testLogger } from "./temporary-home.js";

interface DurableFile {
  readonly name: string;
  /** Prepares the content before the fault. */
  readonly before?: (root: string) => Promise<unknown>;
  readonly write: (root: string) => Promise<unknown>;
  /** The content that the owner finds at the next start. Missing keys and tokens are made. */
  readonly read: (root: string) => Promise<unknown>;
  readonly makesMissing?: true;
  /** Takes the place of `read` where the owner's own reading takes long and `read` only looks. */
  readonly reopen?: (root: string) => Promise<unknown>;
  /**
   * Contents accepted beside the old and the new. A file that only grows may hold a part of the addition. A file that
   * need not outlive its process may be missing.
   */
  readonly accepts?: (found: unknown, isDone: boolean) => boolean;
}

const logger = testLogger;
const key = createUser().getPublicKey();
const bytes = (text: string) => new TextEncoder().encode(text);
const chunks = (root: string) => createChunkStore(join(root, "chunks"), 64);
const chunk = bytes("a chunk");
const chunkSha256 = sha256(chunk);
const textIn = (root: string, path: string) =>
  createNodeFiles(root)
    .read(path)
    .then(
      (found) => Buffer.from(found).toString(),
      (error: { code: string }) => (error.code === "NOT_FOUND" ? undefined : Promise.reject(error)),
    );

const secretIn = async (root: string, made: string) =>
  Buffer.from(await readOrCreateSecret(homePaths(root).storeKey, () => bytes(made))).toString();

/** The keys are made once, because they take long to make. */
let keys: NatsKeys;
const seeds: { readonly name: string; readonly seed: Uint8Array }[] = [];
beforeAll(() =>
  inFolder(async (root) => {
    keys = await openNatsKeys(root);
    for (const name of (await readdir(root)).sort()) seeds.push({ name, seed: await readFile(join(root, name)) });
  }),
);

async function credentialsIn(root: string) {
  const systemConnection = () => undefined;
  return createNatsCredentials({ keys, directory: root, now: () => 0, systemConnection, logger });
}
const opened = new Map<string, NatsCredentials>();
/** Revokes a key. The revocation is durable before it is pushed, and there is no broker here to push it to. */
async function revokeIn(root: string): Promise<void> {
  await opened
    .get(root)!
    .revoke({ revoked: [key] })
    .catch((error: { code: string }) => {
      if (error.code !== "NATS_UNAVAILABLE") throw error;
    });
}
const revocationsIn = async (root: string) => {
  const claims = (await readTextFile(join(root, "nats-account.jwt")))?.split(".") ?? [];
  return claims.length === 3 && Buffer.from(claims[1]!, "base64url").toString().includes(key);
};

const choosePort = async (root: string) =>
  (await openPorts(join(root, "ports.json"))).choose({
    variable: "ATTUNE_HTTP_PORT",
    configured: 0,
    host: "127.0.0.1",
    known: true,
  });

const stateOf = (step: number) => ({
  progress: {
    version: 2 as const,
    fingerprint: "run",
    step,
    lossSum: 0,
    curveLossSum: 0,
    evaluations: [],
    bestEvaluation: -1,
    curve: [],
    seconds: 0,
  },
  parameters: new Map([["weight", createParameter([2], new Float32Array([step, step]))]]),
  best: new Map(),
});
const outcome = { scores: [1], notes: [], seconds: 0 };
const cells = (root: string) => openCellStore(join(root, "cells.jsonl"));
const cellNames = ["first", "second"];

const files: readonly DurableFile[] = [
  {
    name: "the agent's config.json",
    before: (root) => writeServer(homePaths(root), "http://old.test"),
    write: (root) => writeServer(homePaths(root), "http://new.test"),
    read: (root) => readServer(homePaths(root)),
  },
  {
    name: "the agent's local-api.json",
    write: (root) => writeLocalApi(homePaths(root), { url: "http://127.0.0.1:1", pid: 1 }),
    read: (root) => readLocalApi(homePaths(root)),
  },
  {
    name: "the agent's store.key and local-token",
    write: (root) => secretIn(root, "a secret"),
    read: (root) => secretIn(root, "a secret made anew"),
    makesMissing: true,
  },
  {
    name: "the agent's device.seed",
    write: (root) => createDeviceKey(homePaths(root).deviceSeed).create(),
    read: (root) => createDeviceKey(homePaths(root).deviceSeed).create(),
    makesMissing: true,
  },
  {
    name: "the agent's orphaned device.seed",
    before: (root) => createNodeFiles(root).writeDurably("device.seed", bytes("seed")),
    write: (root) => moveAside(join(root, "device.seed"), "orphan"),
    read: (root) => Promise.all([textIn(root, "device.seed"), textIn(root, "device.seed.orphan-1")]),
  },
  {
    name: "a file of the agent's slots that is replaced",
    before: (root) => createNodeFiles(root).writeDurably("slots/1/manifest.json", bytes("old")),
    write: (root) => createNodeFiles(root).writeDurably("slots/1/manifest.json", bytes("newer")),
    read: (root) => textIn(root, "slots/1/manifest.json"),
  },
  {
    name: "a file of the agent's slots that is begun",
    write: (root) => createNodeFiles(root).append("slots/1/model", bytes("abcdef")),
    read: (root) => textIn(root, "slots/1/model"),
    accepts: (found, isDone) => !isDone && "abcdef".startsWith(String(found)),
  },
  {
    name: "a file of the agent's slots that grows",
    before: (root) => createNodeFiles(root).append("slots/1/model", bytes("abc")),
    write: (root) => createNodeFiles(root).append("slots/1/model", bytes("def")),
    read: (root) => textIn(root, "slots/1/model"),
    accepts: (found, isDone) => !isDone && "abcdef".startsWith(String(found)) && String(found).length >= 3,
  },
  {
    name: "a file of the agent's slots that is cut",
    before: (root) => createNodeFiles(root).append("slots/1/model", bytes("abcdef")),
    write: (root) => createNodeFiles(root).truncate("slots/1/model", 2),
    read: (root) => textIn(root, "slots/1/model"),
  },
  {
    name: "the agent's daemon.lock",
    write: (root) => lockHome(root),
    read: findDaemon,
    accepts: (found) => found === undefined,
  },
  {
    name: "the server's ports.json",
    write: choosePort,
    read: choosePort,
    makesMissing: true,
  },
  {
    name: "the server's admin-token",
    write: async (root) => {
      await openAdminToken(join(root, "admin-token"));
      return readTextFile(join(root, "admin-token"));
    },
    read: async (root) => {
      await openAdminToken(join(root, "admin-token"));
      return readTextFile(join(root, "admin-token"));
    },
    makesMissing: true,
  },
  {
    name: "the server's seeds of nats",
    before: async (root) => {
      for (const { name, seed } of seeds.slice(1)) await writeFile(join(root, name), seed);
    },
    write: seedsIn,
    read: (root) => Promise.all(seeds.map(({ name }) => readTextFile(join(root, name)))),
    reopen: seedsIn,
    accepts: (found, isDone) =>
      (found as (string | undefined)[]).every((seed) => (seed === undefined ? !isDone : /^S[A-Z2-7]{57}$/.test(seed))),
  },
  {
    name: "the server's copy of PostgreSQL's programs",
    before: async (root) => {
      await mkdir(join(root, "installed/bin"), { recursive: true });
      await writeFile(join(root, "installed/bin/postgres"), "a program");
    },
    write: (root) => copyFolderDurably(join(root, "installed"), join(root, "copy"), async () => undefined),
    read: async (root) => ((await isPresent(join(root, "copy"))) ? textIn(root, "copy/bin/postgres") : undefined),
  },
  {
    name: "the server's nats-account.jwt",
    before: async (root) => opened.set(root, await credentialsIn(root)),
    write: revokeIn,
    read: revocationsIn,
  },
  {
    name: "the server's release-1.pem",
    write: async (root) => (await openReleaseSigner(root)).fingerprint,
    read: async (root) => (await openReleaseSigner(root)).fingerprint,
    makesMissing: true,
  },
  {
    name: "a chunk or manifest of the server's",
    write: (root) => chunks(root).put(chunk),
    read: async (root) => (await chunks(root).read(chunkSha256))?.toString(),
  },
  {
    name: "a checkpoint of pre-training",
    before: async (root) => saveCheckpoint(root, stateOf(1)),
    write: async (root) => saveCheckpoint(root, stateOf(2)),
    read: async (root) => loadCheckpoint(root, "run")?.progress.step,
  },
  {
    name: "the outcomes of an experiment",
    before: async (root) => cells(root).put("first", outcome),
    write: async (root) => cells(root).put("second", outcome),
    read: async (root) => cellNames.filter((name) => cells(root).get(name) !== undefined),
  },
];

async function seedsIn(root: string): Promise<string[]> {
  const keys = await openNatsKeys(root);
  return Object.values(keys).map((pair) => pair.getPublicKey());
}

/** A folder in memory where the system has one: thousands of syncs wait for no disk there. */
const place = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

async function inFolder<T>(use: (root: string) => Promise<T>): Promise<T> {
  const root = await mkdtemp(join(place, "attune-durable-"));
  try {
    return await use(root);
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}

/** The content before and after a write without a fault. */
function contentsOf({ before, write, read, makesMissing }: DurableFile): Promise<readonly unknown[]> {
  return inFolder(async (root) => {
    await before?.(root);
    const old = makesMissing ? undefined : await read(root);
    await write(root);
    return [old, await read(root)];
  });
}

const codes: Readonly<Record<Exclude<Fault, "crash">, string>> = {
  EIO: "DISK_FAILED",
  ENOSPC: "DISK_FULL",
  torn: "DISK_FULL",
};

interface Point {
  readonly fault: Fault;
  readonly at: number;
  readonly lost: Lost;
}

/** Writes with the fault at that call and checks the result. False where the write has fewer calls. */
async function writeWithFault(file: DurableFile, contents: readonly unknown[], { fault, at, lost }: Point) {
  const [old, next] = contents;
  return inFolder(async (root) => {
    await file.before?.(root);
    const run = await withFault({ root, fault, at }, () => file.write(root));
    const what = `${fault} at call ${at}, ${lost} lost`;
    if (fault !== "crash" && run.error !== undefined) {
      expect.soft(run.error, what).toMatchObject({ code: codes[fault], message: expect.stringContaining(root) });
    }
    run.cutPower(lost);
    const found = await file.read(root);
    const isDone = !run.isReached || (fault !== "crash" && run.error === undefined);
    if (file.makesMissing) {
      // The content is whole, and stays the same from then on.
      expect.soft(await file.read(root), what).toEqual(found);
      if (isDone) expect.soft(found, what).toEqual(run.value);
    } else if (file.accepts?.(found, isDone) !== true) {
      expect.soft(isDone ? [next] : [old, next], what).toContainEqual(found);
    }
    return run.isReached;
  });
}

describe.each(files)("$name", (file) => {
  test.each<Fault>(["EIO", "ENOSPC", "torn"])(
    "is the old or the new after %s, and the fault names it",
    async (fault) => {
      const contents = await contentsOf(file);
      let at = 1;
      while (await writeWithFault(file, contents, { fault, at, lost: "nothing" })) at++;
      // A rename or a cut writes nothing that could be torn.
      if (fault !== "torn") expect(at).toBeGreaterThan(1);
    },
  );

  test("is the old or the new after a power cut between any two calls, and the new once it is written", async () => {
    const contents = await contentsOf(file);
    for (const lost of ["nothing", "data", "names"] as const) {
      let at = 1;
      while (await writeWithFault(file, contents, { fault: "crash", at, lost })) at++;
      expect(at).toBeGreaterThan(2);
    }
  });

  test("is not taken for missing, made anew or set aside where the disk cannot read it", async () => {
    await inFolder(async (root) => {
      await file.before?.(root);
      await file.write(root);
      const reopen = file.reopen ?? file.read;
      const content = await reopen(root);
      for (let at = 1; ; at++) {
        const run = await withFault({ root, fault: "EIO", at }, () => reopen(root));
        if (!run.isReached) break;
        const what = `EIO at call ${at}`;
        if (run.error === undefined) expect.soft(run.value, what).toEqual(content);
        else
          expect.soft(run.error, what).toMatchObject({ code: "DISK_FAILED", message: expect.stringContaining(root) });
        expect.soft(await reopen(root), what).toEqual(content);
      }
    });
  });
});
