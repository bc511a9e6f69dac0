// Models and their aliases. An alias moves from version to version by compare and set.

import type { AliasChanged, ModelDetails, ModelSummary } from "@attune/shared/contracts/catalogue";
import type { ReleaseReference } from "@attune/shared/contracts/release-reference";
import { AppError } from "@attune/shared/errors";
import type { Author } from "../callers/roles.js";
import type { CatalogueRepository } from "./catalogue.repository.js";
import type { ModelRepository, StoredModel } from "./model.repository.js";
import { noVersion, summaryOf } from "./version-summary.js";

interface AliasInput {
  readonly model: string;
  readonly alias: string;
  /** The release that the alias must name now; 0 for none. Without it any release will do. */
  readonly expect?: number | undefined;
}

export interface ModelService {
  list(): Promise<ModelSummary[]>;
  /** Throws NOT_FOUND. */
  get(model: string): Promise<ModelDetails>;
  /**
   * Throws NOT_FOUND, and CONFLICT where the alias names another release than expected, or the release is
   * another model's.
   */
  setAlias(input: AliasInput & { readonly release: ReleaseReference }, by: Author): Promise<AliasChanged>;
  /** Throws NOT_FOUND for an unknown alias, and CONFLICT where it names another release than expected. */
  deleteAlias(input: AliasInput, by: Author): Promise<AliasChanged>;
}

interface ModelServiceDeps {
  readonly repository: ModelRepository;
  readonly versions: Pick<CatalogueRepository, "find">;
  readonly now: () => number;
}

export function createModelService({ repository, versions, now }: ModelServiceDeps): ModelService {
  return {
    async list() {
      return (await repository.list()).map((model) => ({
        ...describe(model),
        versions: model.versions.length,
        latestRelease: model.versions.at(-1)?.sequence ?? null,
      }));
    },

    async get(name) {
      const model = await repository.find(name);
      if (model === null) throw new AppError("NOT_FOUND", `there is no model "${name}"`);
      return { ...describe(model), versions: model.versions.map(summaryOf) };
    },

    async setAlias({ model, alias, release, expect }, by) {
      const version = await versions.find(release);
      if (version === null) throw noVersion(release);
      const { sequence, modelName } = version;
      if (modelName !== model) {
        throw new AppError(
          "CONFLICT",
          `release ${sequence} is of model ${modelName}, so no alias of ${model} can name it`,
        );
      }
      const judge = (before: number | null) => assertExpected({ model, alias, expect }, before);
      const before = await repository.changeAlias({ model, alias, release: sequence, by, atMs: now(), judge });
      return { model, alias, release: sequence, before };
    },

    async deleteAlias({ model, alias, expect }, by) {
      const judge = (before: number | null) => {
        assertExpected({ model, alias, expect }, before);
        if (before === null) throw new AppError("NOT_FOUND", `model ${model} has no alias "${alias}"`);
      };
      const before = await repository.changeAlias({ model, alias, release: null, by, atMs: now(), judge });
      return { model, alias, release: null, before };
    },
  };
}

function assertExpected({ model, alias, expect }: AliasInput, before: number | null): void {
  if (expect === undefined || expect === (before ?? 0)) return;
  const named = before === null ? "names no release" : `names release ${before}`;
  throw new AppError("CONFLICT", `${model}@${alias} ${named}, not ${expect === 0 ? "none" : expect}`);
}

function describe({ name, createdAt, aliases }: StoredModel) {
  return {
    model: name,
    createdAt: createdAt.toISOString(),
    aliases: aliases.map(({ alias, releaseSequence }) => ({ alias, release: releaseSequence })),
  };
}
