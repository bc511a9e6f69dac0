// Reports from a browser: NATS over a WebSocket of the page's own origin, where the server carries it to the broker.

import { wsconnect } from "@nats-io/nats-core";
import type { ReportTransport } from "../core/ports.js";
import { createReportTransport, type ReportTransportOptions } from "../transports/report-transport.js";
import type { WebDeviceKey } from "./web-device-key.js";

interface WebNatsTransportOptions extends ReportTransportOptions {
  readonly deviceKey: WebDeviceKey;
}

type Answer = Awaited<ReturnType<WebDeviceKey["answerChallenge"]>>;

/**
 * The client takes its answer to the broker's challenge at once, and WebCrypto signs later. So the challenge is
 * answered before the client sees it.
 */
export function createWebNatsTransport({ deviceKey, ...options }: WebNatsTransportOptions): ReportTransport {
  return createReportTransport(async (dialling, userJwt) => {
    await deviceKey.create();
    let latest: Answer | undefined;
    return wsconnect({
      ...dialling,
      wsFactory: async (url) => {
        const socket = new WebSocket(url);
        delayMessages(socket, async (nonce) => {
          latest = await deviceKey.answerChallenge(nonce);
        });
        return { socket, encrypted: url.startsWith("wss:") };
      },
      authenticator: () => ({ jwt: userJwt(), ...latest! }),
    });
  }, options);
}

/** Holds the socket's messages back until the broker's first line, which carries the challenge, is answered. */
function delayMessages(socket: WebSocket, answer: (nonce: string) => Promise<void>): void {
  let deliver: ((event: MessageEvent) => void) | null = null;
  let held: MessageEvent<ArrayBuffer>[] | undefined = [];
  let line = "";
  Object.defineProperty(socket, "onmessage", {
    set(listener: typeof deliver) {
      deliver = listener;
    },
  });
  const release = () => {
    const events = held ?? [];
    held = undefined;
    for (const event of events) deliver?.(event);
  };
  socket.addEventListener("message", (event: MessageEvent<ArrayBuffer>) => {
    if (held === undefined) {
      deliver?.(event);
      return;
    }
    held.push(event);
    if (line.includes("\r\n")) return;
    line += new TextDecoder().decode(event.data);
    if (line.includes("\r\n")) {
      answer(nonceIn(line)).then(release, ({ message }: Error) => {
        // The client's own listener ends the attempt with this message.
        socket.onerror?.(new ErrorEvent("error", { message }));
        socket.close();
      });
    }
  });
}

/** Empty where the line is no greeting of a broker; an empty challenge is not signed. */
function nonceIn(line: string): string {
  try {
    const { nonce } = JSON.parse(line.slice(line.indexOf("{"), line.lastIndexOf("}") + 1)) as { nonce?: unknown };
    return String(nonce ?? "");
  } catch {
    return "";
  }
}
