// The named recipes of pre-training: every number that shapes a feature extractor, so that a run can be repeated from its record.

import type { Pooling } from "@attune/ml/encoder/pooling";
import { AppError } from "@attune/shared/errors";

export interface Recipe {
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly pooling: Pooling;
  readonly maxTokens: number;
  /** Word pieces seen less often in the training text leave the vocabulary; single characters stay. */
  readonly minimumPieceCount: number;
  /** Over which the learning rate falls to zero. */
  readonly epochs: number;
  /** Ends earlier, with the learning rate still high. */
  readonly stopAfterEpochs?: number;
  /** Epochs without a better dev metric after which training stops. */
  readonly patience: number;
  readonly batchSize: number;
  readonly learningRate: number;
  /** Share of all steps in which the learning rate rises; it falls to zero over the rest. */
  readonly warmupFraction: number;
  readonly weightDecay: number;
  readonly clipNorm: number;
  readonly dropoutRate: number;
  /** Share of word pieces shown as [UNK] in training, so that no feature hangs on one word. */
  readonly tokenDropoutRate: number;
  /** `balanced`: a row counts by the inverse square root of its class's frequency. */
  readonly classWeights: "none" | "balanced";
}

const tiny: Recipe = {
  hiddenSize: 128,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  intermediateSize: 512,
  pooling: "mean-max",
  maxTokens: 32,
  minimumPieceCount: 2,
  epochs: 3,
  stopAfterEpochs: 1,
  patience: 2,
  batchSize: 64,
  learningRate: 1e-3,
  warmupFraction: 0.1,
  weightDecay: 0.01,
  clipNorm: 1,
  dropoutRate: 0.1,
  tokenDropoutRate: 0.1,
  classWeights: "none",
};

export const recipes = {
  /** BERT-Tiny's shape (Turc et al. 2019). */
  tiny,
  /** BERT-Mini's width with two layers: four times the work of `tiny`, twice the features. */
  small: {
    ...tiny,
    hiddenSize: 256,
    numAttentionHeads: 4,
    intermediateSize: 1024,
    learningRate: 7e-4,
  },
} as const satisfies Record<string, Recipe>;

/** What a recipe's numbers do not say of themselves, for the card. */
export const recipeNotes: Readonly<Record<string, string>> = {
  tiny: `Training ends after the first of three scheduled epochs. That was chosen on MELD's dev split, between the first (0.514 for int8
features) and the second (0.500), which fits GoEmotions better and carries over less.`,
};

export function recipeByName(name: string): Recipe {
  if (!Object.hasOwn(recipes, name)) {
    throw new AppError(
      "INVALID_INPUT",
      `--recipe: there is no recipe of that name; there are ${Object.keys(recipes).join(", ")}`,
    );
  }
  return recipes[name as keyof typeof recipes];
}
