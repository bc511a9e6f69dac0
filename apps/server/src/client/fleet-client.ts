// The fleet manager's connection to a running server: tRPC with the admin token. The server's faults keep their codes.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, isErrorCode } from "@attune/shared/errors";
import { createTRPCClient, httpLink, type TRPCClient, TRPCClientError } from "@trpc/client";
import { z } from "zod";
import type { AppRouter } from "../app-router.js";
import { reasonHeader } from "../callers/reason.js";

export interface ServerAccess {
  readonly httpUrl: string;
  /** The admin token, or an access token. */
  readonly adminToken: string;
  /** Why the changes are made, for their events. */
  readonly reason?: string | undefined;
}

export type FleetClient = TRPCClient<AppRouter>;

/**
 * Calls the server. Throws the server's AppErrors with their codes, and SERVER_UNAVAILABLE where it does not answer.
 */
export async function askServer<T>(access: ServerAccess, ask: (client: FleetClient) => Promise<T>): Promise<T> {
  const { httpUrl, adminToken, reason = "" } = access;
  const headers = { authorization: `Bearer ${adminToken}`, [reasonHeader]: encodeURIComponent(reason) };
  const client = createTRPCClient<AppRouter>({ links: [httpLink({ url: `${httpUrl}/trpc`, headers })] });
  try {
    return await ask(client);
  } catch (error) {
    if (!(error instanceof TRPCClientError)) throw error;
    const code: unknown = (error as TRPCClientError<AppRouter>).data?.attune?.code;
    if (isErrorCode(code)) throw new AppError(code, error.message);
    // fetch itself says no more than "fetch failed".
    const reason = error.cause?.cause instanceof Error ? error.cause.cause.message : error.message;
    const message = `the server at ${httpUrl} does not answer: ${reason}`;
    throw new AppError("SERVER_UNAVAILABLE", message, { cause: error });
  }
}

/** The server of this ATTUNE_HOME, or the one at `server`. The token comes from its file. */
export async function findServer(input: {
  readonly home: string;
  readonly server: string | undefined;
  readonly adminTokenFile: string | undefined;
}): Promise<ServerAccess> {
  const tokenFile = input.adminTokenFile ?? join(input.home, "server", "admin-token");
  const httpUrl = input.server === undefined ? await readReadyUrl(input.home) : checkUrl(input.server);
  const token = await readText(tokenFile);
  if (token === undefined) {
    throw new AppError(
      "UNAUTHORIZED",
      `there is no admin token in ${tokenFile}; name its file with --admin-token-file`,
    );
  }
  return { httpUrl, adminToken: token.trim() };
}

const readySchema = z.object({ httpUrl: z.url() });

async function readReadyUrl(home: string): Promise<string> {
  const path = join(home, "server", "ready.json");
  const text = await readText(path);
  if (text === undefined) {
    throw new AppError(
      "SERVER_UNAVAILABLE",
      `no server runs in ${home} (there is no ${path}); start it with \`attune server\`, or name one with --server URL`,
    );
  }
  try {
    return readySchema.parse(JSON.parse(text)).httpUrl;
  } catch (cause) {
    throw new AppError("STORE_CORRUPT", `${path} does not name the server's address`, { cause });
  }
}

function checkUrl(url: string): string {
  if (!/^https?:$/.test(URL.canParse(url) ? new URL(url).protocol : "")) {
    throw new AppError("INVALID_INPUT", `--server ${url} is not an http or https address`);
  }
  return url.replace(/\/+$/, "");
}

async function readText(path: string): Promise<string | undefined> {
  return readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new AppError("INVALID_CONFIGURATION", `${path} cannot be read: ${error.code}`, { cause: error });
  });
}
