// The device's adapters over a network that is slow, loses bytes, or breaks off. Each adapter notices within its own
// timeout. A message that is repeated over a new connection is neither lost nor doubled.

import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Cleared, ReportConnection } from "@attune/edge-agent/core/ports";
import { createHttpClient } from "@attune/edge-agent/node/http-client";
import { createNatsTransport } from "@attune/edge-agent/node/nats-transport";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import type { HttpClient } from "@attune/edge-agent/transports/http-client";
import { createHttpFetcher } from "@attune/edge-agent/transports/http-fetcher";
import { openLink, type TroubledLink } from "@attune/fakes/troubled-link";
import { openReportConsumer } from "@attune/server/ingestion/report.stream";
import type { Nats } from "@attune/server/platform/nats/nats";
import { reportStream, reportSubject } from "@attune/shared/subjects";
import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeTemporaryHome, startTestNats } from "./temporary-home.js";

const { signal } = new AbortController();

describe("polls and downloads over HTTP", () => {
  const content = Buffer.from("0123456789".repeat(100));
  let server: Server;
  let link: TroubledLink;
  let client: HttpClient;

  beforeEach(async () => {
    server = createServer((request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? "")?.[1] ?? 0);
      const headers = { "content-range": `bytes ${from}-${content.length - 1}/${content.length}` };
      response.writeHead(from === 0 ? 200 : 206, from === 0 ? { "content-length": content.length } : headers);
      response.end(content.subarray(from));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    link = await openLink((server.address() as AddressInfo).port);
    client = createHttpClient({ idleTimeoutMs: 2_000, keepAlive: true });
  });
  afterEach(async () => {
    client.close();
    await link.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function download(offset = 0): Promise<{ readonly bytes: Buffer; readonly fault: unknown }> {
    const parts: Uint8Array[] = [];
    const message = { what: "chunks", offset };
    const cleared = { bytes: Buffer.from("/v1/chunks/x"), message } as unknown as Cleared<"download">;
    try {
      const reply = await createHttpFetcher(client, `http://127.0.0.1:${link.port}`).get(cleared, signal);
      for await (const part of reply.body) parts.push(part);
      return { bytes: Buffer.concat(parts), fault: undefined };
    } catch (fault) {
      return { bytes: Buffer.concat(parts), fault };
    }
  }

  test("a slow network is waited for", async () => {
    link.delayMs = 100;
    expect(await download()).toEqual({ bytes: content, fault: undefined });
  });

  test.each(["losesAnswers", "losesQuestions"] as const)(
    "a new connection that %s times out, and so does one that is kept; the next download takes another",
    async (loss) => {
      link[loss] = true;
      expect((await download()).fault).toMatchObject({ code: "TIMED_OUT" });
      link[loss] = false;
      expect((await download()).bytes).toEqual(content);
      const kept = link.connections;
      expect((await download()).bytes).toEqual(content);
      expect(link.connections).toBe(kept);
      link[loss] = true;
      expect((await download()).fault).toMatchObject({ code: "TIMED_OUT" });
      link[loss] = false;
      expect((await download()).bytes).toEqual(content);
      expect(link.connections).toBe(kept + 1);
    },
  );

  test("a body that is cut off is a fault, and the rest is taken from where it was cut", async () => {
    link.cutAfterBytes = 500;
    const first = await download();
    expect(first.fault).toMatchObject({ code: "SERVER_UNAVAILABLE" });
    expect(first.bytes.length).toBeGreaterThan(0);
    expect(first.bytes.length).toBeLessThan(content.length);
    link.cutAfterBytes = Number.POSITIVE_INFINITY;
    const rest = await download(first.bytes.length);
    expect(Buffer.concat([first.bytes, rest.bytes])).toEqual(content);
  });
});

describe("reports over NATS", () => {
  const device = "a".repeat(32);
  let home: Awaited<ReturnType<typeof makeTemporaryHome>>;
  let folder: string;
  let nats: Nats;
  let link: TroubledLink;
  let connect: () => Promise<ReportConnection>;

  beforeAll(async () => {
    home = await makeTemporaryHome();
    folder = await mkdtemp(join(tmpdir(), "attune-link-"));
    nats = await startTestNats(home);
    await openReportConsumer(nats.connection);
    link = await openLink(Number(new URL(nats.url).port));
    const deviceKey = createDeviceKey(join(folder, "device.seed"));
    const input = { nkeyPublic: await deviceKey.create(), fleet: "home", device, lifeMs: 3_600_000 };
    const userJwt = await nats.credentials.createDeviceJwt(input);
    const url = `nats://127.0.0.1:${link.port}`;
    const timeouts = { connectTimeoutMs: 2_000, publishTimeoutMs: 3_000 };
    const transport = createNatsTransport({ deviceKey, log: () => undefined, url, ...timeouts });
    connect = () => transport.connect({ urls: [url], userJwt, device, fleet: "home" }, signal);
  });
  afterAll(async () => {
    await link?.close();
    await nats?.stop();
    await home.remove();
    await rm(folder, { recursive: true, force: true });
  });

  const publish = (through: ReportConnection, messageId: string) => {
    const cleared = { bytes: Buffer.from(messageId) } as unknown as Cleared<"report.metrics">;
    return through.publish(cleared, { subject: reportSubject("home", device), messageId }, signal);
  };
  const stored = async () => {
    const manager = await jetstreamManager(nats.connection, { checkAPI: false });
    return (await manager.streams.info(reportStream)).state.messages;
  };

  test.each(["losesAnswers", "losesQuestions"] as const)(
    "a report over a connection that %s is not acknowledged in time; sent again over a new one it is stored once",
    async (loss) => {
      const before = await stored();
      const broken = await connect();
      await publish(broken, `${loss}-1`);
      link[loss] = true;
      await expect(publish(broken, `${loss}-2`)).rejects.toMatchObject({ code: "TIMED_OUT" });
      await expect(connect()).rejects.toMatchObject({ code: expect.stringMatching(/^(TIMED_OUT|NATS_UNAVAILABLE)$/) });
      link[loss] = false;
      await broken.close();
      const mended = await connect();
      await publish(mended, `${loss}-2`);
      await mended.close();
      expect(await stored()).toBe(before + 2);
    },
  );
});
