// The agent of this device's daemon, by its local API. A link that works once opens a session. The session lives in
// this tab's own storage: a cookie would reach every other server on this address, whatever its port.

import { localRoutes, pageRoutes } from "@attune/shared/contracts/local-routes";
import { AgentFault, type PageAgent } from "./page-agent.js";

const sessionKey = "attune-session";
type Call = Exclude<keyof typeof localRoutes, "learn" | "report" | "agree" | "letIn">;

interface Asked {
  readonly id?: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/** Undefined where the page has neither a session nor a link's code. */
export async function openSession(): Promise<string | undefined> {
  const code = /^#enter=([0-9a-f]+)$/.exec(location.hash)?.[1];
  if (code === undefined) return sessionStorage.getItem(sessionKey) ?? undefined;
  // The code leaves the address before anything else happens, so that no history keeps it.
  history.replaceState(null, "", location.pathname);
  const { session } = await send<{ session: string }>("POST", pageRoutes.openSession.path, { body: { code } });
  sessionStorage.setItem(sessionKey, session);
  return session;
}

export function closeSession(): void {
  sessionStorage.removeItem(sessionKey);
}

export function daemonAgent(session: string): PageAgent {
  function ask<Answer>(call: Call, { id = "", query = {}, body }: Asked = {}): Promise<Answer> {
    const { method, path } = localRoutes[call];
    const given = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    const address = path.replace(":id", encodeURIComponent(id)) + (given.length === 0 ? "" : `?${given.join("&")}`);
    return send(method, address, { body, session });
  }
  return {
    predict: (body) => ask("predict", { body }),
    label: ({ id, ...body }) => ask("label", { id, body }),
    forget: (id) => ask("forget", { id }),
    keep: ({ id, ...body }) => ask("keep", { id, body }),
    entries: (body = {}) => ask("entries", { body }),
    calendar: () => ask("calendar"),
    status: () => ask("status"),
    journal: async (query = {}) => (await ask<{ entries: never[] }>("journal", { query: { ...query } })).entries,
  };
}

async function send<Answer>(
  method: string,
  address: string,
  { body, session }: { readonly body?: unknown; readonly session?: string },
): Promise<Answer> {
  const reply = await fetch(address, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(session === undefined ? {} : { authorization: `Bearer ${session}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    cache: "no-store",
    credentials: "omit",
  });
  const value = await reply.json();
  if (!reply.ok) throw new AgentFault((value as { error: ConstructorParameters<typeof AgentFault>[0] }).error);
  return value as Answer;
}
