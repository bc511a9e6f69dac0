// Fetches the events of all changes, and follows their chain of hashes here rather than at the server.

import { type AuditEvent, emptyChain, followChain } from "../access/event-chain.js";
import { askServer, type ServerAccess } from "./fleet-client.js";

const pageSize = 1_000;

interface FetchedEvents {
  readonly events: readonly AuditEvent[];
  readonly head: { readonly sequence: number; readonly sha256: string };
  readonly fault: string | null;
}

/** The latest `limit` events, the head of the chain, and the first fault from its beginning on. */
export async function fetchEvents(access: ServerAccess, limit: number): Promise<FetchedEvents> {
  let head = emptyChain;
  let latest: AuditEvent[] = [];
  for (;;) {
    const query = { after: head.sequence, limit: pageSize };
    const page = await askServer(access, (client) => client.access.events.query(query));
    const followed = followChain(head, page);
    head = followed.head;
    latest = [...latest, ...page].slice(-limit);
    if (followed.fault !== null || page.length < pageSize) return { events: latest, head, fault: followed.fault };
  }
}
