// Gives access to people and programs, ends it, and shows the events of all changes.

import { AppError } from "@attune/shared/errors";
import { dayMs } from "@attune/shared/time";
import { type Author, type Caller, type Role, roles } from "../callers/roles.js";
import type { AccessToken } from "../generated/prisma/client.js";
import type { AccessRepository } from "./access.repository.js";
import { isAccessName, isSameSecret, newSecret, parseSecret } from "./access-secret.js";
import { isAlive } from "./authentication.js";
import { type AuditEvent, auditEventSchema } from "./event-chain.js";

const minLifeMs = 1_000;
const maxLifeMs = 366 * dayMs;
const linkLifeMs = 5 * 60_000;
const sessionLifeMs = dayMs / 2;

interface TokenRequest {
  readonly name: string;
  readonly roles: readonly Role[];
  readonly ttlMs: number;
}

export interface HandedOut {
  readonly id: string;
  /** Shown once; the server keeps only the hash of its secret. */
  readonly token: string;
  readonly expiresAt: string;
}

export interface ListedToken {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly roles: readonly string[];
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly state: "active" | "ended" | "revoked";
}

export interface AccessService {
  /** Throws INVALID_INPUT for a name that is none, no role, or a life that is too short or too long. */
  create(request: TokenRequest, by: Author): Promise<HandedOut>;
  list(): Promise<ListedToken[]>;
  /** Throws NOT_FOUND. */
  revoke(id: string, by: Author): Promise<{ readonly id: string }>;
  /**
   * A link that signs its creator in once, within five minutes, with the creator's roles and never as the owner.
   * Throws FORBIDDEN for a session.
   */
  createLink(caller: Caller, by: Author): Promise<HandedOut>;
  /** Turns a link into a session. Throws UNAUTHORIZED for a link that is unknown, used, or has ended. */
  redeem(link: string): Promise<HandedOut & { readonly name: string; readonly roles: readonly string[] }>;
  /** A page of events in order, after the numbered one. */
  events(after: number, limit: number): Promise<AuditEvent[]>;
}

export function createAccessService(repository: AccessRepository, now: () => number): AccessService {
  async function create({ name, roles: given, ttlMs }: TokenRequest, by: Author): Promise<HandedOut> {
    if (!isAccessName(name)) {
      throw new AppError(
        "INVALID_INPUT",
        "name: a letter and up to 31 letters, digits and dashes, all lower-case, and not owner or server",
      );
    }
    if (ttlMs < minLifeMs || ttlMs > maxLifeMs) {
      throw new AppError("INVALID_INPUT", `ttlMs is not from ${minLifeMs} to ${maxLifeMs} ms (366 days)`);
    }
    const [atMs, fresh] = [now(), newSecret("api")];
    const expiresAt = new Date(atMs + ttlMs);
    const wanted = roles.filter((role) => given.includes(role));
    const stored = { kind: "api", name, roles: wanted, parentId: null, createdAt: new Date(atMs), expiresAt };
    const details = { name, roles: wanted.join(","), expiresAt: expiresAt.toISOString() };
    const { id, text, secretSha256 } = fresh;
    await repository.create(
      { id, secretSha256, ...stored },
      { by, action: "access.create", subject: id, details, atMs },
    );
    return { id, token: text, expiresAt: expiresAt.toISOString() };
  }

  async function createLink(caller: Caller, by: Author): Promise<HandedOut> {
    // A session that made links could outlive itself without end.
    if (caller.kind === "session") {
      throw new AppError("FORBIDDEN", "a session makes no sign-in links; use an access token or the admin token");
    }
    const [atMs, { id, text, secretSha256 }] = [now(), newSecret("link")];
    const expiresAt = new Date(atMs + linkLifeMs);
    const granted = caller.kind === "owner" ? [...roles] : [...caller.roles];
    const stored = { kind: "link", name: caller.name, roles: granted, parentId: caller.tokenId };
    const times = { createdAt: new Date(atMs), expiresAt };
    await repository.create(
      { id, secretSha256, ...stored, ...times },
      { by, action: "access.link", subject: id, atMs },
    );
    return { id, token: text, expiresAt: expiresAt.toISOString() };
  }

  async function redeem(text: string) {
    const presented = parseSecret(text);
    const link = presented?.kind === "link" ? await repository.find(presented.id) : null;
    const atMs = now();
    const isGenuine = link?.kind === "link" && isSameSecret(presented?.secretSha256 as string, link.secretSha256);
    if (!isGenuine || !isAlive(link, atMs)) throw notALink();
    const { name, roles: granted, parentId, parent } = link;
    const { id, text: token, secretSha256 } = newSecret("session");
    const expiresAt = new Date(Math.min(atMs + sessionLifeMs, parent?.expiresAt.getTime() ?? Number.POSITIVE_INFINITY));
    const session = { id, secretSha256, kind: "session", name, roles: granted, parentId };
    const by: Author = { actor: name, reason: null };
    const change = { by, action: "access.redeem", subject: link.id, details: { session: id }, atMs };
    if (!(await repository.redeem(link.id, { ...session, createdAt: new Date(atMs), expiresAt }, change))) {
      throw notALink();
    }
    return { id, token, expiresAt: expiresAt.toISOString(), name, roles: granted };
  }

  return {
    create,
    createLink,
    redeem,
    list: async () => (await repository.list()).map((token) => describe(token, now())),
    async revoke(id, by) {
      await repository.revoke(id, { by, action: "access.revoke", subject: id, atMs: now() });
      return { id };
    },
    async events(after, limit) {
      const stored = await repository.eventsAfter(after, limit);
      return stored.map((event) => auditEventSchema.parse({ ...event, at: event.at.toISOString() }));
    },
  };
}

function describe(token: AccessToken, nowMs: number): ListedToken {
  const { id, kind, name, roles: granted, createdAt, expiresAt, revokedAt } = token;
  const state = revokedAt !== null ? "revoked" : expiresAt.getTime() <= nowMs ? "ended" : "active";
  const times = { createdAt: createdAt.toISOString(), expiresAt: expiresAt.toISOString() };
  return { id, kind, name, roles: granted, ...times, state };
}

function notALink(): AppError {
  return new AppError("UNAUTHORIZED", "the sign-in link is unknown, was used before, or has ended");
}
