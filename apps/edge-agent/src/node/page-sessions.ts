// Who may use the page of this daemon: a link that works once opens a session, which ends with the daemon.

import { createHash, randomBytes } from "node:crypto";

export interface PageSessions {
  /** A code for one link. */
  newCode(): string;
  /** The secret of a new session; undefined for a code that is unknown, spent or too old. */
  open(code: string): string | undefined;
  isOpen(secret: string): boolean;
}

const codeLifetimeMs = 5 * 60_000;
/** The oldest one ends where another is opened: nobody keeps more pages open. */
const maxCodes = 16;
const maxSessions = 16;
const secretBytes = 32;

/** Only hashes are kept, so that no look at this memory, and no time of a comparison, gives a secret away. */
export function createPageSessions(now: () => number): PageSessions {
  const codes = new Map<string, number>();
  const sessions = new Set<string>();

  function draw(): { readonly secret: string; readonly hash: string } {
    const secret = randomBytes(secretBytes).toString("hex");
    return { secret, hash: hashOf(secret) };
  }

  return {
    newCode() {
      const { secret, hash } = draw();
      codes.set(hash, now() + codeLifetimeMs);
      if (codes.size > maxCodes) codes.delete(codes.keys().next().value!);
      return secret;
    },
    open(code) {
      const expiresMs = codes.get(hashOf(code));
      codes.delete(hashOf(code));
      if (expiresMs === undefined || now() > expiresMs) return undefined;
      const { secret, hash } = draw();
      sessions.add(hash);
      if (sessions.size > maxSessions) sessions.delete(sessions.values().next().value!);
      return secret;
    },
    isOpen: (secret) => sessions.has(hashOf(secret)),
  };
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}
