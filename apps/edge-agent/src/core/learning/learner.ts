// Learning on a device: features of the stored utterances, the mixture that learns them, and the saved mixtures.

import type { Engine } from "@attune/ml/engine/engine";
import type { StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import {
  type Extraction,
  type ExtractionParts,
  extractMissing,
  type LearningState,
  openLearningState,
} from "./learning-state.js";
import { createLiveMixture, type LiveMixture } from "./live-mixture.js";
import { type Measured, type RefitParts, type Refitted, refit } from "./refit.js";
import { catchUp } from "./refit-due.js";
import { deleteHeads, putMixture, readMixtureFile, type SavedMixtureParts } from "./saved-mixture.js";

interface LearnerParts extends ExtractionParts, RefitParts, SavedMixtureParts {
  readonly engine: Pick<Engine, "name" | "heads">;
}

export interface Learner {
  openLearningState(model: Model): Promise<LearningState>;
  extractMissing(learningState: LearningState, extraction: Extraction): Promise<void>;
  /** A mixture that has learned nothing: it answers as the prior. */
  createMixture(model: Model): LiveMixture;
  /** Resumes with the saved mixture, if there is one. Returns what was measured at its refit. */
  resume(learningState: LearningState): Promise<Measured | undefined>;
  refit(learningState: LearningState, isWanted?: () => boolean): Promise<Refitted | undefined>;
  putMixture(learningState: LearningState, refitted: Refitted): Promise<StoreOperation[]>;
  deleteHeads(): Promise<StoreOperation[]>;
}

export function createLearner(parts: LearnerParts): Learner {
  const { utterances, engine } = parts;
  return {
    openLearningState: (model) => openLearningState(parts, model),
    extractMissing: (learningState, extraction) => extractMissing(parts, learningState, extraction),
    createMixture: (model) => createLiveMixture({ model, kernels: engine.heads }),
    async resume(learningState) {
      const saved = await readMixtureFile(parts, learningState);
      if (saved !== undefined) learningState.live = saved.live;
      catchUp(learningState, utterances);
      return saved?.measured;
    },
    refit: (learningState, isWanted) => refit(parts, learningState, isWanted),
    putMixture: (learningState, refitted) => putMixture(parts, learningState, refitted),
    deleteHeads: () => deleteHeads(parts),
  };
}
