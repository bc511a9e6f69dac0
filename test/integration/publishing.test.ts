// Publishing and rolling out over HTTP: the fleet manager's commands on one side, a device's downloads on the other.

import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createTinyRelease2 } from "@attune/fakes/tiny-release";
import { labelSetOf } from "@attune/shared/contracts/label-set";
import { chunkPath, manifestPath, releaseSchema } from "@attune/shared/contracts/release";
import {
  manifestVersionHeader,
  newestManifestVersion,
  signedTargetSchema,
} from "@attune/shared/contracts/target-state";
import { signedEnvelopeSchema } from "@attune/shared/trust/signed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { performAttune } from "../attune-command.js";
import { createFleet, enrolDevice, publishReport, signPoll, startTestServer, type TestServer } from "./harness.js";
import { eventually } from "./temporary-home.js";

const bundled = fileURLToPath(new URL("../../assets/extractor", import.meta.url));
let server: TestServer;
let scratch: string;

beforeAll(async () => {
  server = await startTestServer();
  scratch = await mkdtemp(join(tmpdir(), "attune-publishing-"));
  await createFleet(server, "home");
});
afterAll(async () => {
  await server?.stop();
  await rm(scratch, { recursive: true, force: true });
});

/** Runs a command as `attune <name> … --json` does. */
async function run(...argv: string[]) {
  const lines: string[] = [];
  const io = { stdout: (line: string) => lines.push(line), stderr: () => undefined, json: true, isTty: false };
  const code = await performAttune([...argv, "--home", server.home.home], io);
  expect(lines).toHaveLength(1);
  return { code, result: JSON.parse(lines[0] as string) };
}

const sha256Of = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const url = (path: string) => `${server.access.httpUrl}${path}`;
const authorization = () => ({ authorization: `Bearer ${server.access.adminToken}` });
const put = (sha256: string, body: Uint8Array, headers: Record<string, string> = authorization()) =>
  fetch(url(chunkPath(sha256)), {
    method: "PUT",
    headers: { "content-type": "application/octet-stream", ...headers },
    body: new Uint8Array(body),
  });

describe("chunks over HTTP", () => {
  const bytes = randomBytes(10_000);
  const sha256 = sha256Of(bytes);
  beforeAll(async () => expect((await put(sha256, bytes)).status).toBe(204));
  const get = (headers: Record<string, string> = {}, method = "GET") =>
    fetch(url(chunkPath(sha256)), { method, headers });

  test("are served whole, for ever, under their hash", async () => {
    const response = await get();
    expect(response.status).toBe(200);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "accept-ranges": "bytes",
      "cache-control": "public, max-age=31536000, immutable",
      "content-length": "10000",
      "content-type": "application/octet-stream",
      etag: `"${sha256}"`,
    });
    expect(sha256Of(new Uint8Array(await response.arrayBuffer()))).toBe(sha256);
  });

  test("resume from a byte", async () => {
    const response = await get({ range: "bytes=4096-" });
    expect(response.status).toBe(206);
    expect(response.headers.get("content-range")).toBe("bytes 4096-9999/10000");
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(new Uint8Array(bytes.subarray(4096)));
  });

  test("answer 416 behind their end, with their size", async () => {
    const response = await get({ range: "bytes=10000-" });
    expect(response.status).toBe(416);
    expect(response.headers.get("content-range")).toBe("bytes */10000");
    expect(await response.json()).toMatchObject({ error: { code: "RANGE_NOT_SATISFIABLE" } });
  });

  test("answer HEAD without a body, and a cache that has them with 304", async () => {
    const head = await get({}, "HEAD");
    expect([head.status, head.headers.get("content-length"), (await head.arrayBuffer()).byteLength]).toEqual([
      200,
      "10000",
      0,
    ]);
    const headers = { "cache-control": "public, max-age=31536000, immutable", etag: `"${sha256}"` };
    for (const known of [`"${sha256}"`, `"other", W/"${sha256}"`, "*"]) {
      const unchanged = await get({ "if-none-match": known, range: "bytes=10000-" });
      expect([unchanged.status, Object.fromEntries(unchanged.headers)]).toEqual([
        304,
        expect.objectContaining(headers),
      ]);
    }
    for (const stale of [`"${"0".repeat(64)}"`, sha256]) {
      expect((await get({ "if-none-match": stale })).status).toBe(200);
    }
    expect((await get({ range: "bytes=4096-" }, "HEAD")).status).toBe(200);
    expect((await get({ range: "bytes=1-", "if-range": '"other"' })).status).toBe(200);
  });

  test("that are not there, or whose name is no hash, are named so", async () => {
    const absent = await fetch(url(chunkPath("0".repeat(64))));
    // A cache that kept this answer would hide the chunk once it is there.
    expect([absent.status, absent.headers.get("cache-control")]).toEqual([404, "no-store"]);
    expect((await fetch(url(chunkPath("nonsense")))).status).toBe(400);
    expect((await fetch(url("/v1/chunks/..%2f..%2fkeys%2frelease-1.pem"))).status).toBe(400);
  });

  test("are taken from the fleet manager only, and only under their own hash", async () => {
    const other = randomBytes(100);
    expect((await put(sha256Of(other), other, {})).status).toBe(401);
    expect((await put(sha256Of(other), other.subarray(1))).status).toBe(400);
    const large = randomBytes(262_145);
    expect((await put(sha256Of(large), large)).status).toBeGreaterThanOrEqual(400);
    for (const content of [other, large]) expect((await fetch(url(chunkPath(sha256Of(content))))).status).toBe(404);
  });

  test("cut off while they are uploaded leave nothing behind", async () => {
    const content = randomBytes(50_000);
    const { hostname, port } = new URL(server.access.httpUrl);
    const socket = connect(Number(port), hostname);
    await once(socket, "connect");
    socket.write(
      `PUT ${chunkPath(sha256Of(content))} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${server.access.adminToken}\r\n` +
        `content-type: application/octet-stream\r\ncontent-length: ${content.length}\r\n\r\n`,
    );
    // The server closes its end after it has seen that no more comes.
    socket.end(content.subarray(0, 20_000));
    await once(socket.resume(), "close");
    expect((await fetch(url(chunkPath(sha256Of(content))))).status).toBe(404);
  });
});

describe("publishing", () => {
  test("the bundled extractor, twice, is one release; its manifest and chunks are what a device downloads", async () => {
    const argv = [bundled, "--model", "tiny", "--version", "1.0.0"];
    const { result } = await run("publish", ...argv);
    expect((await run("publish", ...argv)).result).toEqual(result);
    expect((await run("release", "list")).result.releases).toEqual([result]);

    const reply = await fetch(url(manifestPath(result.manifestSha256)));
    const { manifestSha256 } = result;
    expect(Object.fromEntries(reply.headers)).toMatchObject({
      "cache-control": "public, max-age=31536000, immutable",
      "content-type": "application/json",
      etag: `"${manifestSha256}"`,
    });
    const again = { headers: { "if-none-match": `"${manifestSha256}"` } };
    expect((await fetch(url(manifestPath(manifestSha256)), again)).status).toBe(304);
    const manifest = new Uint8Array(await reply.arrayBuffer());
    expect(sha256Of(manifest)).toBe(result.manifestSha256);
    const envelope = signedEnvelopeSchema.parse(JSON.parse(new TextDecoder().decode(manifest)));
    const release = releaseSchema.parse(envelope.payload);
    for (const file of release.files) {
      const parts = await Promise.all(
        file.chunks.map(async (chunk) => Buffer.from(await (await fetch(url(chunkPath(chunk.sha256)))).arrayBuffer())),
      );
      expect(sha256Of(Buffer.concat(parts))).toBe(file.sha256);
    }
  });

  test("other content under a published version, a missing file and a wrong version number are refused", async () => {
    const argv = [bundled, "--model", "tiny", "--version", "1.0.0", "--head", "elm:64:1"];
    await expect(run("publish", ...argv)).rejects.toMatchObject({ code: "CONFLICT" });
    await writeFile(join(scratch, "config.json"), "{}");
    const missing = run("publish", scratch, "--model", "tiny", "--version", "1.0.1");
    await expect(missing).rejects.toMatchObject({
      code: "INVALID_EXTRACTOR",
      message: expect.stringContaining("model.safetensors"),
    });
    const version = run("publish", bundled, "--model", "tiny", "--version", "one");
    await expect(version).rejects.toMatchObject({
      code: "INVALID_INPUT",
      message: expect.stringContaining("modelVersion"),
    });
  });
});

test("a release with labels of its own reaches the devices that read its manifest, and no others", async () => {
  const folder = join(scratch, "own-labels");
  await mkdir(folder);
  const { files } = createTinyRelease2({ labels: labelSetOf(["calm", "tense", "tired"]) });
  for (const [name, bytes] of files) await writeFile(join(folder, name), bytes);
  const argv = [folder, "--model", "own", "--version", "1.0.0", "--words", "tense=On edge"];
  const { result } = await run("publish", ...argv);
  expect(result.manifest1Sha256).toBeNull();
  const lines: string[] = [];
  const io = { stdout: (line: string) => lines.push(line), stderr: () => undefined, json: false, isTty: false };
  expect(await performAttune(["publish", ...argv, "--home", server.home.home], io)).toBe(0);
  expect(lines.join()).toContain("agents from before manifests of version 2 do not receive it");
  const { release } = (await run("release", "show", String(result.sequence))).result;
  expect(release.labels).toEqual(labelSetOf(["calm", "tense", "tired"], { tense: "On edge" }));

  await createFleet(server, "own");
  await run("rollout", "create", "--fleet", "own", "--release", String(result.sequence));
  const [earlier, present] = [await enrolDevice(server, "own"), await enrolDevice(server, "own")];
  expect((await earlier.poll()).release).toBeNull();
  const reply = await fetch(url("/trpc/device.poll"), {
    method: "POST",
    headers: { "content-type": "application/json", [manifestVersionHeader]: String(newestManifestVersion) },
    body: JSON.stringify(
      signPoll(present.key, present.say("poll", { releaseSequence: 0, state: "idle", reason: "none" })),
    ),
  });
  const answer = ((await reply.json()) as { result: { data: { payload: unknown } } }).result.data.payload;
  expect(signedTargetSchema.parse(answer).release).toEqual({
    sequence: result.sequence,
    manifestSha256: result.manifestSha256,
  });
});

test("a rollout sets the target of a fleet's devices, and its status follows what they say", async () => {
  await run("publish", bundled, "--model", "tiny", "--version", "1.0.0");
  const next = (await run("publish", bundled, "--model", "tiny", "--version", "2.0.0")).result;
  const [one, two, three] = [
    await enrolDevice(server, "home"),
    await enrolDevice(server, "home"),
    await enrolDevice(server, "home"),
  ];
  await run("rollout", "create", "--fleet", "home", "--release", String(next.sequence));
  const target = await one.poll({ sequence: 1, state: "downloading" });
  expect(target.release).toEqual({ sequence: next.sequence, manifestSha256: next.manifest1Sha256 });
  await two.poll({ sequence: 1, state: "committed", releaseSequence: next.sequence });
  await three.poll({ sequence: 1, state: "rejected", reason: "personalInferior" });
  const { result } = await run("rollout", "status", "--fleet", "home");
  expect(result.counts).toEqual({ devices: 3, committed: 1, underway: 1, waiting: 0, rejected: 1, failed: 0 });
  const older = run("rollout", "create", "--fleet", "home", "--release", "1");
  await expect(older).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("never go back") });
  const unknown = run("rollout", "create", "--fleet", "home", "--release", "77");
  await expect(unknown).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect((await run("device", "list", "--fleet", "home")).result.devices).toHaveLength(3);
});

test("tokens, reports and the audit are read by command", async () => {
  expect((await run("token", "create", "--fleet", "home", "--expires", "5m")).result.token).toMatch(/^attune1\./);
  const device = await enrolDevice(server, "home");
  const connection = await device.connect();
  await publishReport(connection, device, device.metrics(1));
  await connection.close();
  await eventually(async () => {
    const { result } = await run("report", "summary", "--device", device.reply.device);
    expect(result).toMatchObject({
      reports: 1,
      conflicts: 0,
      deadLetters: {},
      devices: [{ latestMetrics: { f1Personal: 55 } }],
    });
  });
  const { result } = await run("report", "list", "--device", device.reply.device);
  expect(result.reports).toMatchObject([{ sequence: 1, type: "report.metrics", body: { f1Prior: 40 } }]);

  const file = join(scratch, "journal.json");
  await writeFile(file, JSON.stringify({ entries: [] }));
  expect(await run("audit", "--journal", file)).toMatchObject({ code: 0, result: { verdict: "consistent" } });
  await writeFile(file, "[1]");
  expect(await run("audit", "--journal", file)).toMatchObject({ code: 1, result: { verdict: "inconsistent" } });
  await writeFile(file, "not json");
  await expect(run("audit", "--journal", file)).rejects.toMatchObject({ code: "INVALID_INPUT" });
});

test("a command without a server, or with a wrong flag, says what to do", async () => {
  const io = { stdout: () => undefined, stderr: () => undefined, json: false, isTty: false };
  await expect(performAttune(["release", "list", "--home", scratch], io)).rejects.toMatchObject({
    code: "SERVER_UNAVAILABLE",
    message: expect.stringContaining("attune server"),
  });
  await expect(run("token", "create", "--fleet", "home", "--expires", "soon")).rejects.toThrow("--expires soon");
  await expect(run("token", "make")).rejects.toThrow("create");
  await expect(run("rollout", "status", "--flet", "home")).rejects.toThrow("--flet");
});
