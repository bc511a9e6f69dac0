// The recipes of pre-training: every number that shapes a feature extractor, so that a run can be
// repeated from its record.

import { readFileSync } from "node:fs";
import { poolings } from "@attune/ml/encoder/pooling";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { type RecordedInputs, recordedInputsSchema } from "./recorded-inputs.js";

const count = z.int().min(1);
const share = z.number().min(0).lt(1);
const positive = z.number().positive();

export const recipeSchema = z.strictObject({
  /** For an encoder trained from random weights; a checkpoint has its own sizes. */
  hiddenSize: count.optional(),
  numAttentionHeads: count.optional(),
  intermediateSize: count.optional(),
  /** With a checkpoint, the number of its first layers that are kept; all of them if absent. */
  numHiddenLayers: count.optional(),
  pooling: z.enum(poolings),
  maxTokens: z.int().min(3).max(512),
  /** Word pieces seen less often in the training texts leave the vocabulary; single characters stay. */
  minimumPieceCount: count.optional(),
  /**
   * The number of word pieces: special tokens, the single characters of the texts and of ASCII, and
   * the most frequent others.
   */
  vocabularySize: count.optional(),
  /** The number of epochs over which the learning rate falls to zero. */
  epochs: positive,
  /** Training ends earlier, with the learning rate still high. May be a fraction of an epoch. */
  stopAfterEpochs: positive.optional(),
  /**
   * Training ends at the first evaluation whose dev metric is at least this share of a
   * full run's best (`--reference-run`).
   */
  stopAtFraction: z.number().positive().max(1).optional(),
  evaluationsPerEpoch: count,
  /** Evaluations without a better dev metric after which training stops. */
  patience: count,
  /** The evaluation whose weights are exported: the one with the best dev metric, or the last. */
  select: z.enum(["best", "last"]),
  batchSize: count,
  learningRate: positive,
  /** The rate of the tasks' heads, which are new even if the encoder is not; `learningRate` if absent. */
  headLearningRate: positive.optional(),
  /** Share of all steps in which the learning rate rises; it falls to zero over the rest. */
  warmupFraction: share,
  weightDecay: z.number().min(0),
  clipNorm: positive,
  dropoutRate: share,
  /** The share of word pieces shown as [UNK] in training, so that no feature depends on a single word. */
  tokenDropoutRate: share,
  /** `balanced`: a row counts by the inverse square root of its class's frequency. */
  classWeights: z.enum(["none", "balanced"]),
  /**
   * With a teacher: the loss is (1 - weight) cross-entropy + weight temperature² KL(teacher ‖ student), both softened.
   */
  distillation: z.strictObject({ weight: z.number().min(0).max(1), temperature: positive }).optional(),
});

export type Recipe = Readonly<z.infer<typeof recipeSchema>>;

const common = {
  pooling: "mean-max",
  maxTokens: 32,
  select: "best",
  warmupFraction: 0.1,
  weightDecay: 0.01,
  clipNorm: 1,
  dropoutRate: 0.1,
  tokenDropoutRate: 0.1,
  classWeights: "none",
} as const satisfies Partial<Recipe>;

const tiny = {
  ...common,
  hiddenSize: 128,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 512,
  minimumPieceCount: 2,
  epochs: 3,
  stopAfterEpochs: 1,
  evaluationsPerEpoch: 1,
  patience: 2,
  batchSize: 64,
  learningRate: 1e-3,
} as const satisfies Recipe;

const fineTuned = {
  ...common,
  vocabularySize: 6500,
  epochs: 2,
  evaluationsPerEpoch: 2,
  patience: 3,
  batchSize: 32,
  learningRate: 1e-4,
  headLearningRate: 1e-3,
  distillation: { weight: 0.5, temperature: 2 },
} as const satisfies Recipe;

const bundled = { ...fineTuned, vocabularySize: 6000, epochs: 1, select: "last" } as const satisfies Recipe;

export const recipes = {
  /** BERT-Tiny's shape (Turc et al. 2019), from random weights. */
  tiny,
  /** BERT-Mini's width with two layers: four times the work of `tiny`, twice the features. */
  small: {
    ...tiny,
    hiddenSize: 256,
    numAttentionHeads: 4,
    intermediateSize: 1024,
    learningRate: 7e-4,
  },
  /** The first two or three layers of a checkpoint, fine-tuned. */
  "fine-tuned-2": { ...fineTuned, numHiddenLayers: 2 },
  "fine-tuned-3": { ...fineTuned, numHiddenLayers: 3 },
  /** The whole checkpoint with its whole vocabulary, fine-tuned. */
  "fine-tuned": { ...fineTuned, vocabularySize: undefined, distillation: undefined },
  /** The bundled extractor's teacher, then the bundled extractor itself. */
  "bundled-teacher": { ...bundled, numHiddenLayers: 6, distillation: undefined },
  bundled: { ...bundled, numHiddenLayers: 3 },
} as const satisfies Record<string, Recipe>;

export interface ChosenRecipe {
  /** The name of a known recipe, or the path of a file. */
  readonly name: string;
  readonly recipe: Recipe;
  /** The inputs of the record, if the file is a run's record. */
  readonly recorded?: RecordedInputs;
}

/**
 * `name` is one of `recipes`, or a .json file that holds a whole recipe, as run.json does under that key. `overrides`
 * are `field=value`, with a dot for a field within a field, and `none` to leave an optional field out. Throws
 * INVALID_INPUT naming the field.
 */
export function chooseRecipe(name: string, overrides: readonly string[]): ChosenRecipe {
  const file = name.endsWith(".json") ? readRecipeFile(name) : undefined;
  const fields: Record<string, unknown> = { ...(file?.fields ?? recipeByName(name)) };
  for (const override of overrides) applyOverride(fields, override);
  const parsed = recipeSchema.safeParse(fields);
  if (!parsed.success) {
    // Lists every issue: if a field is set within an absent one, the missing neighbour is as much the cause.
    const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "its fields"}: ${message}`);
    throw new AppError("INVALID_INPUT", `recipe ${name}, ${issues.join("; ")}`);
  }
  return { name, recipe: parsed.data, ...(file?.recorded ? { recorded: file.recorded } : {}) };
}

export function recipeByName(name: string): Recipe {
  if (!Object.hasOwn(recipes, name)) {
    throw new AppError(
      "INVALID_INPUT",
      `--recipe: there is no recipe of that name; there are ${Object.keys(recipes).join(", ")}, or a .json file`,
    );
  }
  return recipes[name as keyof typeof recipes];
}

/** The name by which `recipe` can be requested; undefined if it was changed. */
export function recipeNameOf(recipe: Recipe): string | undefined {
  const text = (value: Recipe) => JSON.stringify(recipeSchema.parse(value));
  return Object.keys(recipes).find((name) => text(recipeByName(name)) === text(recipe));
}

interface RecipeFile {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly recorded?: RecordedInputs;
}

function readRecipeFile(path: string): RecipeFile {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `--recipe ${path}: ${(cause as Error).message}`, { cause });
  }
  const fields = isObject(value) && "recipe" in value ? value.recipe : value;
  if (!isObject(fields)) {
    throw new AppError(
      "INVALID_INPUT",
      `--recipe ${path} holds no recipe; name a run.json, or a JSON object of its fields`,
    );
  }
  if (!isObject(value) || !("data" in value)) return { fields };
  const recorded = recordedInputsSchema.safeParse(value);
  if (recorded.success) return { fields, recorded: recorded.data };
  const { path: field, message } = recorded.error.issues[0]!;
  throw new AppError("INVALID_INPUT", `--recipe ${path}, ${field.join(".")}: ${message}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function applyOverride(fields: Record<string, unknown>, override: string): void {
  const [, path, text] = /^([\w.]+)=(.+)$/.exec(override) ?? [];
  if (path === undefined || text === undefined) {
    throw new AppError("INVALID_INPUT", `--set ${override} is not of the form field=value`);
  }
  const [field, inner] = path.split(".") as [string, string | undefined];
  const number = Number(text);
  const value = text === "none" && field !== "classWeights" ? undefined : Number.isNaN(number) ? text : number;
  fields[field] = inner === undefined ? value : { ...(fields[field] as object | undefined), [inner]: value };
}
