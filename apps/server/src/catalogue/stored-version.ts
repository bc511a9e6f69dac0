// A version as the database holds it, and the lock of all versions.

import type { Prisma } from "../generated/prisma/client.js";

export const wholeVersion = { artifacts: true, aliases: { orderBy: { alias: "asc" } } } as const;
export type StoredVersion = Prisma.ModelVersionGetPayload<{ include: typeof wholeVersion }>;

/** Admits one publication or collection at a time. */
export async function lockVersions(tx: Prisma.TransactionClient): Promise<void> {
  await tx.$executeRaw`LOCK TABLE "ModelVersion" IN SHARE ROW EXCLUSIVE MODE`;
}
