// A false broker at the broker's address: the limits of what it can have a device sign and believe.

import { createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import type { Cleared } from "@attune/edge-agent/core/ports";
import { createLogger } from "@attune/edge-agent/node/logger";
import { createNatsTransport } from "@attune/edge-agent/node/nats-transport";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import { startNats } from "@attune/server/platform/nats/nats";
import { canonicalJson } from "@attune/shared/canonical-json";
import type { Message } from "@attune/shared/contracts/egress";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { findTestNatsServer, makeTemporaryHome, testLogger } from "./temporary-home.js";

let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
const brokers: Server[] = [];
const sockets: Socket[] = [];
beforeAll(async () => {
  home = await makeTemporaryHome();
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(brokers.splice(0).map((broker) => new Promise((resolve) => broker.close(resolve))));
});
afterAll(() => home?.remove());

const device = "d".repeat(32);
const subject = `attune.v1.home.${device}.report`;

/** Speaks enough of NATS to pass for a broker, without TLS, and acknowledges with the content of `ack`. */
async function startFalseBroker(info: object, ack = { stream: "ATTUNE_REPORTS", seq: 1 }) {
  const heard: string[] = [];
  const broker = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    const greeting = {
      server_id: "N",
      server_name: "n",
      version: "2.9.10",
      proto: 1,
      go: "go1.19",
      host: "127.0.0.1",
      port: 4222,
      headers: true,
      max_payload: 1_048_576,
      auth_required: true,
      ...info,
    };
    socket.write(`INFO ${JSON.stringify(greeting)}\r\n`);
    let text = "";
    socket.on("data", (data) => {
      const piece = data.toString("latin1");
      heard.push(piece);
      text += piece;
      if (piece.includes("PING\r\n")) socket.write("PONG\r\n");
      const publication = /HPUB (\S+) (\S+) \d+ \d+\r\n/.exec(text);
      const subscription = /SUB (\S+) (\S+)\r\n/.exec(text);
      if (publication === null || subscription === null) return;
      const body = JSON.stringify(ack);
      socket.write(`MSG ${publication[2]} ${subscription[2]} ${body.length}\r\n${body}\r\n`);
      text = "";
    });
  });
  brokers.push(broker);
  await new Promise<void>((resolve) => broker.listen(0, "127.0.0.1", resolve));
  const { port } = broker.address() as { port: number };
  return { port, heard: () => heard.join("") };
}

async function connect(url: string) {
  const deviceKey = createDeviceKey(join(home.home, "device.seed"));
  const transport = createNatsTransport({ deviceKey, log: createLogger("silent"), connectTimeoutMs: 2_000 });
  return transport.connect({ urls: [url], userJwt: "jwt", device, fleet: "home" }, new AbortController().signal);
}

const forged: Message<"poll", 1> = {
  type: "poll",
  contract: 1,
  device,
  epoch: "0123456789abcdef",
  sequence: 2_147_483_647,
  releaseSequence: 7,
  state: "committed",
  reason: "none",
};

test.each([
  ["a poll", canonicalJson(forged)],
  ["a poll under its prefix", `attune:poll:2\n${canonicalJson(forged)}`],
  ["more than a challenge", "A".repeat(65)],
  ["nothing", undefined],
])("a broker whose challenge is %s gets no signature", async (_what, nonce) => {
  const broker = await startFalseBroker({ nonce });
  await expect(connect(`nats://127.0.0.1:${broker.port}`)).rejects.toMatchObject({ name: "AppError" });
  expect(broker.heard()).not.toContain("CONNECT");
});

test("a broker without TLS is none where the address says tls://, whatever it claims", async () => {
  for (const info of [{}, { tls_available: true }, { tls_required: true }]) {
    const broker = await startFalseBroker({ nonce: "abcDEF123_-", ...info });
    await expect(connect(`tls://127.0.0.1:${broker.port}`)).rejects.toMatchObject({ retryable: true });
    expect(broker.heard()).not.toMatch(/CONNECT|PUB/);
  }
});

describe("the server's own connections", () => {
  const connectServer = (externalUrl: string) =>
    startNats({
      places: home,
      logger: testLogger,
      now: Date.now,
      externalUrl,
      listenHost: "127.0.0.1",
      choosePort: async () => 0,
      findProgram: findTestNatsServer,
    });

  test("sign no challenge that may be a message", async () => {
    const broker = await startFalseBroker({ nonce: canonicalJson(forged) });
    await expect(connectServer(`nats://127.0.0.1:${broker.port}`)).rejects.toMatchObject({ name: "AppError" });
    expect(broker.heard()).not.toContain("CONNECT");
  });

  test("demand TLS where NATS_URL says tls://", async () => {
    for (const info of [{}, { tls_available: true }]) {
      const broker = await startFalseBroker({ nonce: "abcDEF123_-", ...info });
      const connecting = connectServer(`tls://127.0.0.1:${broker.port}`);
      await expect(connecting).rejects.toMatchObject({ code: "NATS_UNAVAILABLE" });
      expect(broker.heard()).not.toMatch(/CONNECT|PUB/);
    }
  });
});

test("an acknowledgement of another stream, or without a place in it, leaves the report in the outbox", async () => {
  for (const ack of [
    { stream: "ANOTHER", seq: 1 },
    { stream: "ATTUNE_REPORTS" },
    { stream: "ATTUNE_REPORTS", seq: 0 },
  ]) {
    const broker = await startFalseBroker({ nonce: "abcDEF123_-" }, ack as { stream: string; seq: number });
    const connection = await connect(`nats://127.0.0.1:${broker.port}`);
    const cleared = { type: "report.state", bytes: new Uint8Array([1]) } as unknown as Cleared<"report.state">;
    const published = connection.publish(cleared, { subject, messageId: "x" }, new AbortController().signal);
    await expect(published).rejects.toMatchObject({ code: "NATS_UNAVAILABLE" });
    await connection.close();
  }
});
