// One case of the conformance suite of HTTP clients, in Node and in a browser's worker.

import type { HttpClient } from "@attune/edge-agent/transports/http-client";
import { type HttpCase, type HttpSeen, limitBytes } from "@attune/fakes/conformance/http-cases";

export async function tryHttp(
  client: HttpClient,
  origin: string,
  { path, headers = {}, isAborted }: Omit<HttpCase, "expected">,
): Promise<HttpSeen> {
  const controller = new AbortController();
  const url = new URL(path, origin);
  let status: number | undefined;
  let body = "";
  try {
    const reply = await client.send({ method: "GET", url, headers, limitBytes, signal: controller.signal });
    status = reply.status;
    for await (const part of reply.body) {
      body += new TextDecoder().decode(part);
      if (isAborted) controller.abort();
    }
    return { status, body };
  } catch (error) {
    const { code, name } = error as { code?: unknown; name: string };
    const fault = typeof code === "string" ? code : name;
    return status === undefined ? { fault } : { status, fault };
  }
}
