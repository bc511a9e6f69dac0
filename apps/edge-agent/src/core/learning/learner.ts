// Learning on a device: features of the stored utterances, a personal head fitted on them, and the saved heads.

import type { Engine } from "@attune/ml/engine/engine";
import type { StoreOperation } from "../ports.js";
import type { Model } from "../prediction/model.js";
import type { FeatureSet } from "./features-cache.js";
import { type FitParts, type Fitted, fit } from "./fit.js";
import {
  type Extraction,
  type ExtractionParts,
  extractMissing,
  type LearningState,
  openLearningState,
} from "./learning-state.js";
import { deleteHeads, hasHeads, putHead, readHead, type SavedHeadParts } from "./saved-heads.js";

interface LearnerParts extends ExtractionParts, FitParts, SavedHeadParts {
  readonly engine: Pick<Engine, "name" | "heads">;
}

export interface Learner {
  openLearningState(model: Model): Promise<LearningState>;
  extractMissing(learningState: LearningState, extraction: Extraction): Promise<void>;
  fit(learningState: LearningState): Promise<Fitted>;
  putHead(learningState: LearningState, fitted: Fitted): Promise<StoreOperation[]>;
  readHead(learningState: LearningState): Promise<Fitted | undefined>;
  hasHeads(): Promise<boolean>;
  deleteHeads(keep?: FeatureSet): Promise<StoreOperation[]>;
}

export function createLearner(parts: LearnerParts): Learner {
  return {
    openLearningState: (model) => openLearningState(parts, model),
    extractMissing: (learningState, extraction) => extractMissing(parts, learningState, extraction),
    fit: (learningState) => fit(parts, learningState),
    putHead: (learningState, fitted) => putHead(parts, learningState, fitted),
    readHead: (learningState) => readHead(parts, learningState),
    hasHeads: () => hasHeads(parts),
    deleteHeads: (keep) => deleteHeads(parts, keep),
  };
}
