// Registered models and their aliases in the database.

import { AppError } from "@attune/shared/errors";
import { appendEvent } from "../access/event-chain.js";
import type { Author } from "../callers/roles.js";
import type { Prisma, PrismaClient } from "../generated/prisma/client.js";
import { wholeVersion } from "./stored-version.js";
import { assertNotCollected } from "./version-summary.js";

const include = {
  aliases: { orderBy: { alias: "asc" } },
  versions: { orderBy: { sequence: "asc" }, include: wholeVersion },
} as const;
export type StoredModel = Prisma.RegisteredModelGetPayload<{ include: typeof include }>;

interface AliasName {
  readonly model: string;
  readonly alias: string;
}

interface AliasChange extends AliasName {
  /** The version that the alias names from now on; null where the alias is deleted. */
  readonly release: number | null;
  readonly by: Author;
  readonly atMs: number;
  /** Judges the version that the alias named until now, which is null for no alias. Throws to refuse the change. */
  readonly judge: (before: number | null) => void;
}

export interface ModelRepository {
  list(): Promise<StoredModel[]>;
  find(model: string): Promise<StoredModel | null>;
  /**
   * One change of a model's aliases at a time; answers the version before. Throws NOT_FOUND for an unknown model,
   * and CONFLICT for a collected version.
   */
  changeAlias(change: AliasChange): Promise<number | null>;
}

export function createModelRepository(prisma: PrismaClient): ModelRepository {
  return {
    list: () => prisma.registeredModel.findMany({ orderBy: { name: "asc" }, include }),
    find: (name) => prisma.registeredModel.findUnique({ where: { name }, include }),

    changeAlias: ({ model, alias, release, by, atMs, judge }) =>
      prisma.$transaction(async (tx) => {
        const [locked] = await tx.$queryRaw<{ name: string }[]>`
          SELECT "name" FROM "RegisteredModel" WHERE "name" = ${model} FOR NO KEY UPDATE`;
        if (locked === undefined) throw new AppError("NOT_FOUND", `there is no model "${model}"`);
        const where = { modelName_alias: { modelName: model, alias } };
        const before = (await tx.modelAlias.findUnique({ where }))?.releaseSequence ?? null;
        judge(before);
        if (release !== null) {
          // The lock makes a collection of the version wait, or this change see the collection.
          await tx.$queryRaw`SELECT 1 FROM "ModelVersion" WHERE "sequence" = ${release} FOR KEY SHARE`;
          assertNotCollected(await tx.modelVersion.findUniqueOrThrow({ where: { sequence: release } }));
          const named = { releaseSequence: release, changedAt: new Date(atMs) };
          await tx.modelAlias.upsert({ where, create: { modelName: model, alias, ...named }, update: named });
        } else if (before !== null) await tx.modelAlias.delete({ where });
        const action = release === null ? "alias.delete" : "alias.set";
        const subject = `${model}@${alias}`;
        if (release !== before) await appendEvent(tx, { by, action, subject, details: { before, release }, atMs });
        return before;
      }),
  };
}
