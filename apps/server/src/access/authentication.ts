// Finds out who sent a request: the owner by the admin token, or the holder of an access token or a session.

import { roleSchema } from "../callers/role-schema.js";
import { type Caller, ownerActor } from "../callers/roles.js";
import type { FoundToken } from "./access.repository.js";
import { isSameSecret, parseSecret } from "./access-secret.js";

interface AuthenticationDeps {
  /** Whether the header carries the server's admin token. */
  readonly isOwner: (authorization: string | undefined) => boolean;
  readonly find: (id: string) => Promise<FoundToken | null>;
  readonly now: () => number;
}

export interface Authentication {
  /** Whether an answer needs a look into the database, which strangers must not cause without end. */
  needsLook(authorization: string | undefined): boolean;
  /** Undefined for a stranger, and for a token that has ended or was revoked. */
  callerOf(authorization: string | undefined): Promise<Caller | undefined>;
}

const owner: Caller = { name: ownerActor, roles: [], tokenId: null, kind: "owner" };

export function createAuthentication({ isOwner, find, now }: AuthenticationDeps): Authentication {
  const presentedIn = (authorization: string | undefined) => {
    const [, text] = /^Bearer ([\x21-\x7e]{1,256})$/i.exec(authorization ?? "") ?? [];
    return text === undefined ? undefined : parseSecret(text);
  };
  return {
    needsLook: (authorization) => presentedIn(authorization) !== undefined,

    async callerOf(authorization) {
      if (isOwner(authorization)) return owner;
      const presented = presentedIn(authorization);
      if (presented === undefined || presented.kind === "link") return undefined;
      const found = await find(presented.id);
      if (found === null || found.kind !== presented.kind) return undefined;
      if (!isSameSecret(presented.secretSha256, found.secretSha256) || !isAlive(found, now())) return undefined;
      const { name, id, kind, parentId } = found;
      const roles = found.roles.map((role) => roleSchema.parse(role));
      return { name, roles, tokenId: kind === "session" ? parentId : id, kind: presented.kind };
    },
  };
}

/** A link or a session ends no later than the token behind it. */
export function isAlive({ expiresAt, revokedAt, parent }: FoundToken, nowMs: number): boolean {
  return [{ expiresAt, revokedAt }, ...(parent === null ? [] : [parent])].every(
    (token) => token.revokedAt === null && token.expiresAt.getTime() > nowMs,
  );
}
