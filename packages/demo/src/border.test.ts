import { once } from "node:events";
import { mkdtempSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openBorder } from "./border.js";

async function startEcho() {
  const server = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

async function exchange(url: string, said: string): Promise<string> {
  const socket = connect(Number(new URL(url).port), "127.0.0.1");
  socket.end(said);
  let heard = "";
  for await (const bytes of socket) heard += bytes;
  return heard;
}

const recordFile = () => join(mkdtempSync(join(tmpdir(), "attune-border-")), "record");

test("passes both directions on and records what went out on both paths, not what came in", async () => {
  const [http, nats] = [await startEcho(), await startEcho()];
  const border = await openBorder({ httpUrl: http.url, natsUrl: nats.url, recordFile: recordFile() });
  expect(await exchange(border.httpUrl, "GET /a ")).toBe("GET /a ");
  expect(await exchange(border.natsUrl, "PUB b")).toBe("PUB b");
  expect(Buffer.from(border.captured()).toString()).toBe("GET /a PUB b");
  expect(border.bytesOut()).toBe(12);
  await border.close();
  http.server.close();
  nats.server.close();
});

test("continues the record of an earlier run", async () => {
  const { server, url } = await startEcho();
  const file = recordFile();
  for (const said of ["one", "two"]) {
    const border = await openBorder({ httpUrl: url, natsUrl: url, recordFile: file });
    await exchange(border.httpUrl, said);
    await border.close();
  }
  const border = await openBorder({ httpUrl: url, natsUrl: url, recordFile: file });
  expect(Buffer.from(border.captured()).toString()).toBe("onetwo");
  await border.close();
  server.close();
});

test("a fleet that is not there is a closed connection, not a hanging one", async () => {
  const { server, url } = await startEcho();
  server.close();
  await once(server, "close");
  const border = await openBorder({ httpUrl: url, natsUrl: url, recordFile: recordFile() });
  const socket = connect(Number(new URL(border.httpUrl).port), "127.0.0.1");
  socket.on("error", () => undefined);
  await once(socket, "close");
  await border.close();
});
