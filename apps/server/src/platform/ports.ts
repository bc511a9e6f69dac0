// Chooses the ports of the server's processes: the configured ones, or free ones chosen once and remembered.

import { createServer } from "node:net";
import { readTextFile, writeFileDurably } from "@attune/platform/durable-file";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { describePortHolder } from "./port-holder.js";

const portsSchema = z.record(z.string(), z.int().min(1).max(65_535));

export interface PortRequest {
  /** The environment variable that chooses this port, and the port's name in the file. */
  readonly variable: "ATTUNE_HTTP_PORT" | "ATTUNE_NATS_PORT" | "ATTUNE_NATS_WEBSOCKET_PORT" | "ATTUNE_POSTGRES_PORT";
  /** 0 asks for the remembered port, or for any free one. */
  readonly configured: number;
  readonly host: string;
  /** Whether others know this port. A known, remembered port that is taken is an error, not a reason to move. */
  readonly known: boolean;
}

export interface Ports {
  /** Throws PORT_IN_USE naming port and variable. */
  choose(request: PortRequest): Promise<number>;
}

export async function openPorts(path: string): Promise<Ports> {
  let remembered = readRemembered(await readTextFile(path));

  async function remember(variable: string, port: number): Promise<number> {
    if (remembered[variable] !== port) {
      remembered = { ...remembered, [variable]: port };
      await writeFileDurably(path, `${JSON.stringify(remembered, null, 2)}\n`);
    }
    return port;
  }

  return {
    async choose({ variable, configured, host, known }) {
      const wanted = configured === 0 ? remembered[variable] : configured;
      if (wanted !== undefined) {
        if ((await tryPort(wanted, { host, variable })) !== undefined)
          return configured === 0 ? remember(variable, wanted) : wanted;
        if (configured !== 0 || known) {
          const origin = configured === 0 ? "chosen at an earlier start" : "configured";
          const holder = await describePortHolder(wanted);
          const by = holder === undefined ? "" : ` by ${holder}`;
          throw new AppError("PORT_IN_USE", `port ${wanted} on ${host} (${variable}, ${origin}) is in use${by}`);
        }
      }
      // Another process of this server may have been given a port on which it does not listen yet.
      const given = new Set(Object.values(remembered));
      for (let attempt = 0; attempt < 20; attempt++) {
        const port = await tryPort(0, { host, variable });
        if (port !== undefined && !given.has(port)) return remember(variable, port);
      }
      throw new AppError("PORT_IN_USE", `no free port on ${host} for ${variable}`);
    },
  };
}

function readRemembered(text: string | undefined): Readonly<Record<string, number>> {
  if (text === undefined) return {};
  try {
    return portsSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new AppError("STORE_CORRUPT", "server/ports.json does not hold ports; remove it to choose new ones", {
      cause,
    });
  }
}

/** The port if it is free, undefined if it is taken. Throws other faults (no such address, no right). */
function tryPort(
  port: number,
  { host, variable }: Pick<PortRequest, "host" | "variable">,
): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") return resolve(undefined);
      const why = `cannot listen on ${host}:${port} (${error.code})`;
      // EACCES means no right to the port, so the port is wrong; otherwise the address is.
      const wrong = error.code === "EACCES" ? variable : "ATTUNE_HOST";
      reject(new AppError("INVALID_CONFIGURATION", `${wrong}: ${why}`, { cause: error }));
    });
    server.listen(port, host, () => {
      const address = server.address();
      const chosen = typeof address === "object" && address !== null ? address.port : port;
      server.close(() => resolve(chosen));
    });
  });
}
