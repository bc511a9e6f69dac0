// A whole server process and strangers on its HTTP port: its memory, its files, its log and its
// devices during the attempts.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { withNativeSigning } from "@attune/server/platform/nats/nkey-signatures";
import { chunkPath } from "@attune/shared/contracts/release";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createFleet, enrolDevice, signPoll } from "./harness.js";
import { eventually, makeTemporaryHome } from "./temporary-home.js";

const program = fileURLToPath(new URL("../../apps/server/bin/attune.js", import.meta.url));
const chunk = randomBytes(262_144);
const sha256 = createHash("sha256").update(chunk).digest("hex");
const get = `GET ${chunkPath(sha256)} HTTP/1.1\r\nhost: x\r\n\r\n`;

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
let child: ChildProcess;
let httpUrl: string;
let adminToken: string;
let logged = "";
const sockets: Socket[] = [];

beforeAll(async () => {
  home = await makeTemporaryHome();
  child = spawn(process.execPath, [program, "server", "--json"], {
    env: {
      PATH: process.env.PATH,
      NATS_SERVER_BIN: process.env.NATS_SERVER_BIN,
      ATTUNE_HOME: home.home,
      ATTUNE_HTTP_PORT: "0",
      ATTUNE_NATS_PORT: "0",
      ATTUNE_POSTGRES_PORT: "0",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  child.stdout?.setEncoding("utf8").on("data", (part: string) => {
    stdout += part;
  });
  child.stderr?.setEncoding("utf8").on("data", (part: string) => {
    logged += part;
  });
  httpUrl = await eventually(async () => (JSON.parse(stdout) as { httpUrl: string }).httpUrl, 60_000);
  adminToken = (await readFile(home.adminTokenFile, "utf8")).trim();
  const headers = { authorization: `Bearer ${adminToken}`, "content-type": "application/octet-stream" };
  expect((await fetch(`${httpUrl}${chunkPath(sha256)}`, { method: "PUT", body: chunk, headers })).status).toBe(204);
});

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

afterAll(async () => {
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  await exit;
  await home.remove();
});

async function dial(sent: string): Promise<Socket> {
  const socket = connect(Number(new URL(httpUrl).port), "127.0.0.1");
  sockets.push(socket);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  socket.write(sent);
  return socket;
}

async function residentMib(): Promise<number> {
  const [, kib] = /VmRSS:\s+(\d+)/.exec(await readFile(`/proc/${child.pid}/status`, "utf8")) ?? [];
  return Number(kib) / 1_024;
}

async function peakMib(during: Promise<unknown>): Promise<number> {
  let peak = 0;
  let running = true;
  void during.then(() => {
    running = false;
  });
  while (running) {
    peak = Math.max(peak, await residentMib());
    await new Promise((resolve) => setImmediate(resolve));
  }
  return peak;
}

const openFiles = async () => (await readdir(`/proc/${child.pid}/fd`)).length;
const download = async () => Buffer.from(await (await fetch(`${httpUrl}${chunkPath(sha256)}`)).arrayBuffer());

test("pipelined downloads that nobody reads cost the server neither memory nor files, and others are served", async () => {
  const before = await residentMib();
  const files = await openFiles();
  const attack = async () => {
    for (let i = 0; i < 400; i++) (await dial(get.repeat(60))).pause();
    expect(await download()).toEqual(chunk);
  };
  // 400 x 60 x 256 KiB is 6 GiB. The base is the server's own memory, warm or not.
  expect((await peakMib(attack())) - before).toBeLessThan(250);
  await eventually(async () => expect(await openFiles()).toBeLessThan(files + 40));
});

test("clients that ask again and again and never read hold a bounded part of its memory, and others are served", async () => {
  const before = await residentMib();
  const attack = async () => {
    const held = await Promise.all(Array.from({ length: 300 }, () => dial(get)));
    for (const socket of held) socket.pause();
    for (let round = 0; round < 12; round++) {
      for (const socket of held) if (!socket.destroyed) socket.write(get);
      // An answer to the test's own request shows that the server has finished the requests before it.
      expect((await fetch(`${httpUrl}/healthz`)).status).toBe(200);
    }
    await eventually(async () => expect(await download()).toEqual(chunk), 60_000);
  };
  expect((await peakMib(attack())) - before).toBeLessThan(250);
});

test("a stranger's bodies are not received: large, of undeclared length, or said in two ways", async () => {
  const before = await residentMib();
  const head = (fields: string) =>
    `POST /nothing HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${fields}\r\n\r\n`;
  const attack = async () => {
    for (const fields of [
      "content-length: 3900000",
      "transfer-encoding: chunked",
      "transfer-encoding: xchunked",
      "content-length: 5\r\ntransfer-encoding: chunked",
    ]) {
      const reply = text(await dial(head(fields)));
      expect(await reply).toMatch(/^HTTP\/1\.1 400/);
    }
    const body = JSON.stringify({ a: "x".repeat(3_900_000) });
    const headers = { "content-type": "application/json" };
    for (let i = 0; i < 20; i++) {
      // The request is refused by its declared length, so it may be cut off before the client has sent all of it.
      const reply = fetch(`${httpUrl}/nothing`, { method: "POST", body, headers }).then(({ status }) => status);
      expect(await reply.catch(() => 400)).toBe(400);
    }
  };
  expect((await peakMib(attack())) - before).toBeLessThan(150);
});

test("requests that fail by the thousand leave a short log without anything of them", async () => {
  logged = "";
  const canary = "quokkaparade";
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        fetch(`${httpUrl}/${i % 2 === 0 ? "trpc/device.poll" : canary}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: i % 3 === 0 ? `{"${canary}` : JSON.stringify({ message: canary, signature: `${"A".repeat(86)}==` }),
        }),
      ),
    );
  }
  expect((await fetch(`${httpUrl}/healthz`)).status).toBe(200);
  expect(logged).not.toContain(canary);
  expect(logged.length).toBeLessThan(20_000);
});

test("a fleet of a thousand behind one address polls all at once, while forged polls are refused, and each is answered", async () => {
  const server = { access: { httpUrl, adminToken } };
  await createFleet(server, "home");
  const devices = await Promise.all(Array.from({ length: 20 }, () => enrolDevice(server, "home")));
  const agent = new Agent({ keepAlive: false });
  const post = (body: string) =>
    new Promise<number | undefined>((resolve, reject) => {
      const headers = { "content-type": "application/json" };
      request(`${httpUrl}/trpc/device.poll`, { method: "POST", agent, headers }, (reply) => {
        reply.resume().once("end", () => resolve(reply.statusCode));
      })
        .once("error", reject)
        .end(body);
    });
  const polls = devices.flatMap(({ key, epoch, reply: { device } }) =>
    Array.from({ length: 50 }, (_, i) => {
      const state = { releaseSequence: 0, state: "idle", reason: "none" } as const;
      const message = { type: "poll", contract: 1, device, epoch, sequence: i + 1, ...state } as const;
      return JSON.stringify(signPoll(withNativeSigning(key), message));
    }),
  );
  const forged = polls.map((poll) => poll.replace('"state":"idle"', '"state":"failed"'));
  const [genuine, refused] = await Promise.all([
    Promise.all(polls.map(post)),
    Promise.all(forged.slice(0, 200).map(post)),
  ]);
  expect(new Set(refused)).toEqual(new Set([401]));
  expect(new Set(genuine)).toEqual(new Set([200]));
});
