// The device's border, made visible: a relay between one agent and the fleet that records every byte the agent sends.
// Bytes are appended to a file as they pass, so that the record also covers what was sent before a crash.

import { appendFileSync, readFileSync, statSync } from "node:fs";
import { createServer, type Server, Socket } from "node:net";
import { isPresentSync } from "@attune/platform/presence";

export interface Border {
  /** The addresses to which the agent connects in place of the fleet's. */
  readonly httpUrl: string;
  readonly natsUrl: string;
  /** Every byte that has left, in the order in which it passed. */
  captured(): Uint8Array;
  bytesOut(): number;
  close(): Promise<void>;
}

interface BorderOptions {
  readonly httpUrl: string;
  readonly natsUrl: string;
  readonly recordFile: string;
}

export async function openBorder({ httpUrl, natsUrl, recordFile }: BorderOptions): Promise<Border> {
  const record = (bytes: Buffer): void => appendFileSync(recordFile, bytes, { mode: 0o600 });
  const http = await openRelay(new URL(httpUrl), record);
  const nats = await openRelay(new URL(natsUrl), record);
  return {
    httpUrl: `http://127.0.0.1:${http.port}`,
    natsUrl: `nats://127.0.0.1:${nats.port}`,
    captured: () => (isPresentSync(recordFile) ? readFileSync(recordFile) : new Uint8Array()),
    bytesOut: () => (isPresentSync(recordFile) ? statSync(recordFile).size : 0),
    async close() {
      await Promise.all([http.close(), nats.close()]);
    },
  };
}

interface Relay {
  readonly port: number;
  close(): Promise<void>;
}

async function openRelay(target: URL, record: (bytes: Buffer) => void): Promise<Relay> {
  const sockets = new Set<Socket>();
  const server: Server = createServer({ allowHalfOpen: true }, (inner) => {
    const outer = new Socket({ allowHalfOpen: true });
    for (const socket of [inner, outer]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      // A refused or broken connection is refused or broken on the other side too: the relay adds
      // nothing and hides nothing.
      socket.on("error", () => undefined);
      socket.on("close", () => {
        sockets.delete(socket);
        inner.destroy();
        outer.destroy();
      });
    }
    inner.on("data", record);
    outer.connect(Number(target.port), target.hostname);
    inner.pipe(outer);
    outer.pipe(inner);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the relay listens on no port");
  return {
    port: address.port,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
