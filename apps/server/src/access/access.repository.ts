// Stores access tokens, sign-in links, sessions and the events of all changes in the database.

import { AppError } from "@attune/shared/errors";
import type { AccessToken, PrismaClient, AuditEvent as StoredEvent } from "../generated/prisma/client.js";
import { appendEvent, type Change } from "./event-chain.js";

export type FoundToken = AccessToken & { readonly parent: AccessToken | null };
type NewToken = Omit<AccessToken, "usedAt" | "revokedAt">;

export interface AccessRepository {
  find(id: string): Promise<FoundToken | null>;
  create(token: NewToken, change: Change): Promise<void>;
  /** Uses the link up and stores its session, both or neither. False where the link was used before. */
  redeem(linkId: string, session: NewToken, change: Change): Promise<boolean>;
  /** The tokens and sessions, the latest first. */
  list(): Promise<AccessToken[]>;
  /** Ends the token and all links and sessions behind it. Throws NOT_FOUND. A repeated call changes nothing. */
  revoke(id: string, change: Change): Promise<void>;
  /** At most `limit` events after the numbered one, in order. */
  eventsAfter(sequence: number, limit: number): Promise<StoredEvent[]>;
}

export function createAccessRepository(prisma: PrismaClient): AccessRepository {
  return {
    find: (id) => prisma.accessToken.findUnique({ where: { id }, include: { parent: true } }),

    create: (data, change) =>
      prisma.$transaction(async (tx) => {
        await tx.accessToken.create({ data });
        await appendEvent(tx, change);
      }),

    redeem: (linkId, session, change) =>
      prisma.$transaction(async (tx) => {
        const where = { id: linkId, usedAt: null };
        const { count } = await tx.accessToken.updateMany({ where, data: { usedAt: session.createdAt } });
        if (count === 0) return false;
        await tx.accessToken.create({ data: session });
        await appendEvent(tx, change);
        return true;
      }),

    list: () =>
      prisma.accessToken.findMany({
        where: { kind: { not: "link" } },
        orderBy: [{ createdAt: "desc" }, { id: "asc" }],
      }),

    revoke: (id, change) =>
      prisma.$transaction(async (tx) => {
        const token = await tx.accessToken.findUnique({ where: { id } });
        if (token === null) throw new AppError("NOT_FOUND", `there is no access token ${id}`);
        if (token.revokedAt !== null) return;
        await tx.accessToken.update({ where: { id }, data: { revokedAt: new Date(change.atMs) } });
        await appendEvent(tx, change);
      }),

    eventsAfter: (sequence, take) =>
      prisma.auditEvent.findMany({ where: { sequence: { gt: sequence } }, orderBy: { sequence: "asc" }, take }),
  };
}
