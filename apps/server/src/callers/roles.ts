// The roles of callers, and the one place that decides whether a caller may make a call. Pure. Every command loads this
// file, so it needs no parser of schemas.

import { AppError } from "@attune/shared/errors";

/** Every signed-in caller may look, so each of the other roles includes `viewer`. */
export const roles = ["viewer", "manager", "approver", "auditor"] as const;
export type Role = (typeof roles)[number];

/** A role, or `owner`: the holder of the server's admin token, who alone gives access to others. */
export type NeededRole = Role | "owner";

export interface Caller {
  /** The actor of the caller's changes. */
  readonly name: string;
  readonly roles: readonly Role[];
  /** The api token with which the caller signed in, directly or by a link; null for the owner. */
  readonly tokenId: string | null;
  readonly kind: "owner" | "api" | "session";
}

/** The author of a change, as its event names the author. */
export interface Author {
  readonly actor: string;
  readonly reason: string | null;
}

/** The author of a change that the server makes by itself carries this name, which no token may have. */
export const serverActor = "server";
export const ownerActor = "owner";

/** Throws UNAUTHORIZED for a stranger, and FORBIDDEN naming the role that a signed-in caller lacks. */
export function assertMay(caller: Caller | undefined, needed: NeededRole): asserts caller is Caller {
  if (caller === undefined) {
    throw new AppError("UNAUTHORIZED", `this call needs the role ${needed}, and no valid access token came with it`);
  }
  if (caller.kind === "owner") return;
  if (needed === "viewer" && caller.roles.length > 0) return;
  if (needed !== "owner" && caller.roles.includes(needed)) return;
  const has = caller.roles.join(", ") || "no role";
  throw new AppError("FORBIDDEN", `this call needs the role ${needed}; ${caller.name} has ${has}`);
}
