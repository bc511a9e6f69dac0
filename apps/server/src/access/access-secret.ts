// The form of access tokens, sign-in links and sessions, and the comparison of their secrets.

import { randomBytes, timingSafeEqual } from "node:crypto";
import { sha256 } from "@attune/platform/sha256";
import { ownerActor, serverActor } from "../callers/roles.js";

/** `api` signs in a person or a program, `link` begins a session once, and `session` is what a link began. */
export type AccessKind = "api" | "link" | "session";

interface FreshSecret {
  readonly id: string;
  /** The whole token, for the reader alone. */
  readonly text: string;
  /** The part that the server stores. */
  readonly secretSha256: string;
}

const pattern = /^attune-(api|link|session)\.([0-9a-f]{16})\.([0-9a-f]{64})$/;
const namePattern = /^[a-z][a-z0-9-]{0,31}$/;

/** Whether a token may have this name, which becomes the actor of its changes. */
export function isAccessName(name: string): boolean {
  return namePattern.test(name) && name !== ownerActor && name !== serverActor;
}

export function newSecret(kind: AccessKind): FreshSecret {
  const [id, secret] = [randomBytes(8).toString("hex"), randomBytes(32).toString("hex")];
  return { id, text: `attune-${kind}.${id}.${secret}`, secretSha256: sha256(secret) };
}

interface PresentedSecret {
  readonly kind: AccessKind;
  readonly id: string;
  readonly secretSha256: string;
}

export function parseSecret(text: string): PresentedSecret | undefined {
  const [, kind, id, secret] = pattern.exec(text) ?? [];
  if (kind === undefined || id === undefined || secret === undefined) return undefined;
  return { kind: kind as AccessKind, id, secretSha256: sha256(secret) };
}

/** In constant time: the time taken reveals nothing of the stored digest. */
export function isSameSecret(presentedSha256: string, storedSha256: string): boolean {
  return timingSafeEqual(Buffer.from(presentedSha256, "hex"), Buffer.from(storedSha256, "hex"));
}
