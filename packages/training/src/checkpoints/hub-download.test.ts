// Downloads from a local server with the hub's layout: a listing, small files from the hub itself, large files from a
// storage of another origin.

import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commit, type HubFault, type HubFile, startHub as startFakeHub } from "@attune/fakes/hub";
import type { AppError } from "@attune/shared/errors";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { downloadCheckpoint, parseHubReference } from "./hub-download.js";

const directory = mkdtempSync(join(tmpdir(), "attune-hub-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251);
const config = Buffer.from('{"model_type":"bert"}');

let open: (() => void)[] = [];
async function startHub(files: Record<string, HubFile>, fault?: HubFault) {
  const hub = await startFakeHub(files, fault);
  open.push(hub.close);
  return hub;
}

let target = "";
let downloads = 0;
beforeEach(() => {
  target = join(directory, `download-${downloads++}`);
});
afterEach(() => {
  for (const close of open) close();
  open = [];
});

const files: Record<string, HubFile> = {
  "README.md": { content: Buffer.from("# a model") },
  "config.json": { content: config },
  "vocab.txt": { content: Buffer.from("[PAD]\n") },
  "model.safetensors": { content: weights, large: true },
  "pytorch_model.bin": { content: weights, large: true },
};

const download = (endpoint: string, options: { token?: string; idleTimeoutMs?: number; attempts?: number } = {}) =>
  downloadCheckpoint(
    { repository: "owner/name", revision: "main" },
    { endpoint, directory: target, retryDelayMs: 1, ...options },
  );

async function refusal(promise: Promise<unknown>): Promise<AppError> {
  return promise.then(
    () => expect.fail("it was downloaded"),
    (error: AppError) => error,
  );
}

/** A storage that closes the connection after this many bytes, the first `times` times. */
function hangingUp(bytes: number, times: number): HubFault {
  let left = times;
  return ({ host, range }, response) => {
    if (host !== "storage" || left-- <= 0) return false;
    const from = Number(/\d+/.exec(range ?? "0")![0]);
    response.writeHead(from > 0 ? 206 : 200, {
      "content-range": `bytes ${from}-${weights.length - 1}/${weights.length}`,
    });
    response.write(weights.subarray(from, from + bytes), () => response.destroy());
    return true;
  };
}

describe("a checkpoint on the hub", () => {
  test("is downloaded: what is needed, pinned to one commit, large files from the storage", async () => {
    const { endpoint, requests } = await startHub(files);
    const progress: string[] = [];
    const found = await downloadCheckpoint(
      { repository: "owner/name", revision: "v1/2" },
      {
        endpoint: `${endpoint}/`,
        directory: target,
        onProgress: ({ name, doneBytes }) => progress.push(`${name} ${doneBytes}`),
      },
    );
    expect(found).toBe(commit);
    expect(readdirSync(target).sort()).toEqual(["README.md", "config.json", "model.safetensors", "vocab.txt"]);
    expect(readFileSync(join(target, "model.safetensors")).equals(weights)).toBe(true);
    expect(progress.at(-1)).toBe("model.safetensors 300000");
    expect(requests.filter(({ path }) => path.includes("/resolve/")).every(({ path }) => path.includes(commit))).toBe(
      true,
    );
  });

  test("is not downloaded again where it lies already, unless it was changed", async () => {
    const { endpoint, requests } = await startHub(files);
    await download(endpoint);
    const before = requests.filter(({ method }) => method === "GET").length;
    writeFileSync(join(target, "config.json"), "{}");
    await download(endpoint);
    const later = requests.filter(({ method }) => method === "GET").slice(before);
    expect(later.map(({ path }) => path.split("/").at(-1))).toEqual(["main", "config.json", "config.json"]);
    expect(readFileSync(join(target, "config.json"))).toEqual(config);
  });

  test("in shards comes with every shard its index names, and with no other file", async () => {
    const index = { weight_map: { a: "model-1.safetensors", b: "model-2.safetensors", c: "model-1.safetensors" } };
    const sharded: Record<string, HubFile> = {
      "config.json": { content: config },
      "model.safetensors.index.json": { content: Buffer.from(JSON.stringify(index)) },
      "model-1.safetensors": { content: weights, large: true },
      "model-2.safetensors": { content: weights.subarray(7), large: true },
      "model-3.safetensors": { content: weights, large: true },
    };
    await download((await startHub(sharded)).endpoint);
    expect(readdirSync(target).sort()).toEqual(
      Object.keys(sharded)
        .filter((name) => !name.includes("-3"))
        .sort(),
    );
  });

  test("gets the token, the storage does not", async () => {
    const { endpoint, requests } = await startHub(files);
    await download(endpoint, { token: "hf_secret" });
    expect(new Set(requests.filter(({ host }) => host === "hub").map(({ authorization }) => authorization))).toEqual(
      new Set(["Bearer hf_secret"]),
    );
    const stored = requests.filter(({ host }) => host === "storage");
    expect(stored.length).toBeGreaterThan(0);
    expect(stored.every(({ authorization }) => authorization === undefined)).toBe(true);
  });
});

describe("an interrupted download", () => {
  test("resumes within one run from the bytes it has", async () => {
    const { endpoint, requests } = await startHub(files, hangingUp(100_000, 2));
    await download(endpoint);
    expect(requests.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      undefined,
      "bytes=100000-",
      "bytes=200000-",
    ]);
    expect(readFileSync(join(target, "model.safetensors")).equals(weights)).toBe(true);
  });

  test("resumes in the next run from the bytes of the last", async () => {
    const never: HubFault = ({ host }, response) => host === "storage" && Boolean(response.destroy());
    const fault: { now: HubFault } = { now: hangingUp(120_000, 1) };
    const { endpoint, requests } = await startHub(files, (request, response) => {
      const answered = fault.now(request, response);
      if (answered) fault.now = never;
      return answered;
    });
    expect((await refusal(download(endpoint, { attempts: 2 }))).code).toBe("DOWNLOAD_FAILED");
    expect(existsSync(join(target, "model.safetensors"))).toBe(false);
    fault.now = () => false;
    await download(endpoint);
    expect(requests.at(-1)?.range).toBe("bytes=120000-");
    expect(readFileSync(join(target, "model.safetensors")).equals(weights)).toBe(true);
  });

  test("begins again where the server does not do ranges", async () => {
    let first = true;
    const { endpoint } = await startHub(files, ({ host }, response) => {
      if (host !== "storage") return false;
      response.writeHead(200);
      if (first) response.write(weights.subarray(0, 1000), () => response.destroy());
      else response.end(weights);
      first = false;
      return true;
    });
    await download(endpoint);
    expect(readFileSync(join(target, "model.safetensors")).equals(weights)).toBe(true);
  });

  test("begins again where the bytes of an earlier run were damaged", async () => {
    const { endpoint, requests } = await startHub(files);
    await download(endpoint);
    const path = join(target, "model.safetensors");
    const hash = createHash("sha256").update(weights).digest("hex");
    rmSync(path);
    writeFileSync(`${path}.${hash}.part`, new Uint8Array(50_000));
    await download(endpoint);
    expect(requests.filter(({ host }) => host === "storage").map(({ range }) => range)).toEqual([
      undefined,
      "bytes=50000-",
      undefined,
    ]);
    expect(readFileSync(path).equals(weights)).toBe(true);
  });

  test("retries when the server is overloaded, and gives up in the end", async () => {
    let busy = 2;
    const overloaded: HubFault = ({ method, path }, response) =>
      method === "HEAD" && path.endsWith("config.json") && busy-- > 0 && Boolean(response.writeHead(503).end());
    await download((await startHub(files, overloaded)).endpoint);
    busy = 1000;
    const error = await refusal(download((await startHub(files, overloaded)).endpoint));
    expect(error).toMatchObject({ code: "DOWNLOAD_FAILED", message: "config.json: the server answers 503" });
  });

  test("retries the list of files, too", async () => {
    let busy = 2;
    const overloaded: HubFault = ({ path }, response) =>
      path.startsWith("/api/models") && busy-- > 0 && Boolean(response.writeHead(503).end());
    expect(await download((await startHub(files, overloaded)).endpoint)).toBe(commit);
    busy = 1000;
    const { endpoint, requests } = await startHub(files, overloaded);
    const error = await refusal(download(endpoint));
    expect(error).toMatchObject({ code: "DOWNLOAD_FAILED", message: `${endpoint}: the server answers 503` });
    expect(requests).toHaveLength(5);
  });

  test("does not wait for ever for a server that falls silent", async () => {
    const silent: HubFault = ({ host }, response) => host === "storage" && Boolean(response.writeHead(200).write("x"));
    const error = await refusal(
      download((await startHub(files, silent)).endpoint, { idleTimeoutMs: 500, attempts: 1 }),
    );
    expect(error).toMatchObject({ code: "DOWNLOAD_FAILED", message: "model.safetensors: nothing came for 500 ms" });
  });
});

describe("refused, and nothing of it kept as the checkpoint", () => {
  const storageSends =
    (bytes: Uint8Array): HubFault =>
    ({ host }, response) =>
      host === "storage" && Boolean(response.writeHead(200).end(bytes));
  const hubAnswers =
    (part: string, headers: Record<string, string>, body = ""): HubFault =>
    ({ host, path }, response) =>
      host === "hub" && path.includes(part) && Boolean(response.writeHead(200, headers).end(body));
  const damaged = weights.slice();
  damaged[5]! ^= 1;

  test.each<[string, HubFault, string]>([
    ["bytes with another hash", storageSends(damaged), "model.safetensors has the hash"],
    ["more bytes than declared", storageSends(new Uint8Array(300_001)), "more than its 300000 bytes were sent"],
    ["a file without a hash", hubAnswers("vocab.txt", {}), "vocab.txt: http://127.0.0.1"],
    ["a file with a hash of another kind", hubAnswers("vocab.txt", { etag: '"1-2"' }), "names no hash"],
    [
      "a list that is a page",
      hubAnswers("/api/models", {}, "<html>"),
      "its list of owner/name's files is not the hub's",
    ],
    [
      "endless redirects",
      ({ host, path }, response) => host === "hub" && Boolean(response.writeHead(302, { location: path }).end()),
      "was redirected more than 8 times",
    ],
  ])("%s", async (_, fault, message) => {
    const error = await refusal(download((await startHub(files, fault)).endpoint));
    expect(error.code).toBe("DOWNLOAD_FAILED");
    expect(error.message).toContain(message);
    expect(existsSync(join(target, "model.safetensors"))).toBe(false);
  });

  test("a config.json that would fill the disk, before a byte of it comes", async () => {
    const huge = hubAnswers("config.json", { etag: `"${"0".repeat(40)}"`, "content-length": String(2 ** 40) });
    const { endpoint, requests } = await startHub(files, huge);
    const error = await refusal(download(endpoint));
    expect(error).toMatchObject({ code: "INVALID_CHECKPOINT" });
    expect(error.message).toBe("config.json: 1099511627776 bytes are no text file of a checkpoint");
    expect(requests.map(({ method }) => method)).toEqual(["GET", "HEAD"]);
  });

  test("a name that the hub does not know, with what to check", async () => {
    const { endpoint } = await startHub(files);
    const reference = { repository: "owner/nmae", revision: "main" };
    const error = await refusal(downloadCheckpoint(reference, { endpoint, directory: target }));
    expect(error.code).toBe("NOT_FOUND");
    expect(error.message).toBe(
      `hf:owner/nmae: ${endpoint} answers 404; check the name and revision at ${endpoint}/owner/nmae, and for a private or gated model accept its terms there and set HF_TOKEN`,
    );
  });

  test("a server that is not there", async () => {
    const error = await refusal(download("http://127.0.0.1:9"));
    expect(error.code).toBe("DOWNLOAD_FAILED");
    expect(error.message).toContain("http://127.0.0.1:9: ");
  });

  test("a model without weights or config.json, and an index that reaches out of its folder", async () => {
    const message = async (hub: Record<string, HubFile>) =>
      (await refusal(download((await startHub(hub)).endpoint))).message;
    expect(await message({ "config.json": { content: config } })).toContain("holds none of model.safetensors");
    expect(await message({ "model.safetensors": { content: weights } })).toContain("holds no config.json");
    const index = Buffer.from(JSON.stringify({ weight_map: { a: "../x.bin" } }));
    const hostile = { "config.json": { content: config }, "model.safetensors.index.json": { content: index } };
    expect(await message(hostile)).toContain('weight_map: "../x.bin" is no name of a weight file');
  });
});

test("reads references, and refuses what is none", () => {
  expect(parseHubReference("google/mobilebert-uncased")).toEqual({
    repository: "google/mobilebert-uncased",
    revision: "main",
  });
  expect(parseHubReference("a/b@refs/pr/1").revision).toBe("refs/pr/1");
  for (const text of ["", "roberta-base", "a/b/c", "a/../b", "a/b@", "a/b@x..y", "-a/b", "a/b?x", "a /b", "a/b@-x"]) {
    expect(() => parseHubReference(text), text).toThrow("hf:owner/name");
  }
});
