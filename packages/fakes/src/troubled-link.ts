// A network between a client and a server of this machine that can be slow, lose bytes silently, or break off.

import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TroubledLink {
  readonly port: number;
  /** The delay of each piece of data. */
  delayMs: number;
  /** Whether the server's bytes are lost from now on, while both ends keep the connection. */
  losesAnswers: boolean;
  /** Whether the client's bytes are lost in the same way. */
  losesQuestions: boolean;
  /** The bytes of answers after which each connection is cut off. */
  cutAfterBytes: number;
  /** The number of connections accepted so far. */
  readonly connections: number;
  /** The bytes that came from both ends so far. */
  readonly carriedBytes: number;
  close(): Promise<void>;
}

export async function openLink(targetPort: number): Promise<TroubledLink> {
  const sockets = new Set<Socket>();
  const link = {
    port: 0,
    delayMs: 0,
    losesAnswers: false,
    losesQuestions: false,
    cutAfterBytes: Number.POSITIVE_INFINITY,
    connections: 0,
    carriedBytes: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer((client) => {
    link.connections++;
    const target = connect(targetPort, "127.0.0.1");
    let passed = 0;
    relay(client, target, (bytes) => (link.losesQuestions ? undefined : bytes));
    relay(target, client, (bytes) => {
      if (link.losesAnswers) return undefined;
      const rest = bytes.subarray(0, Math.max(0, link.cutAfterBytes - passed));
      passed += bytes.length;
      return rest;
    });

    function relay(from: Socket, to: Socket, pass: (bytes: Buffer) => Buffer | undefined): void {
      sockets.add(from);
      from.on("error", () => undefined);
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
      from.on("data", (bytes: Buffer) => {
        link.carriedBytes += bytes.length;
        const left = pass(bytes);
        if (left === undefined) return;
        setTimeout(() => {
          to.write(left);
          if (left.length < bytes.length) to.end();
        }, link.delayMs);
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  link.port = (server.address() as AddressInfo).port;
  return link;
}
