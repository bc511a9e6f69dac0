// What a page and its worker say to each other. Buffers are handed over, not copied.
import type { ExtractorFiles, ExtractorSettings } from "@attune/ml/features/open-extractor";

export interface LoadInput {
  readonly extractor: Omit<ExtractorFiles, "model"> & {
    /** model.safetensors. Of a blob (what a cache or a response gives) the worker reads a few rows at a time, so that it is never in memory whole. */
    readonly model: Uint8Array | Blob;
  };
  readonly settings: ExtractorSettings;
  /** prior-head.safetensors. */
  readonly prior: Uint8Array;
  /** The kernels' builds; the relaxed one is used where the browser knows relaxed SIMD. */
  readonly kernels: { readonly simd128: Uint8Array; readonly relaxed?: Uint8Array };
}

/** What was loaded. */
export interface Loaded {
  readonly featureSize: number;
  readonly classes: readonly string[];
  readonly build: "simd128" | "relaxed";
}

export interface Prediction {
  /** (featureSize), after the DR. */
  readonly features: Float32Array;
  /** By class, in the order of `classes`: the prior head's. */
  readonly probabilities: Float32Array | Float64Array;
}

/** Each operation's input and result. */
export interface Operations {
  readonly load: { readonly input: LoadInput; readonly result: Loaded };
  readonly predict: { readonly input: string; readonly result: Prediction };
  /** (texts, featureSize), row after row. */
  readonly extractAll: { readonly input: readonly string[]; readonly result: Float32Array };
}
export type OperationName = keyof Operations;

export type Request = {
  [Name in OperationName]: { readonly id: number; readonly name: Name; readonly input: Operations[Name]["input"] };
}[OperationName];

export type ToWorker = Request | { readonly id: number; readonly name: "abort" };

/** An error as it crosses: structured cloning would lose the name and code of a class of ours. */
export interface ErrorMessage {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
}

export type FromWorker =
  | { readonly id: number; readonly ok: true; readonly result: Operations[OperationName]["result"] }
  | { readonly id: number; readonly ok: false; readonly error: ErrorMessage };
