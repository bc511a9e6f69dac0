// An encoder's sizes, read from Hugging Face's config.json. Every key is checked, and is in camelCase here.

import { MlError } from "../error.js";
import { parsePythonJson } from "../json.js";

interface CommonConfig {
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly intermediateSize: number;
  readonly maxPositionEmbeddings: number;
  readonly typeVocabSize: number;
  readonly layerNormEps: number;
  /** The feed-forward activation: `gelu` is the exact (erf) form, `gelu_new` the tanh approximation. */
  readonly hiddenAct: HiddenAct;
  readonly padTokenId: number;
}

export interface BertConfig extends CommonConfig {
  readonly modelType: "bert";
}

/** Tokens' positions count from padTokenId + 1, so the positions up to padTokenId belong to no token. */
export interface RobertaConfig extends CommonConfig {
  readonly modelType: "roberta";
}

export interface MobileBertConfig extends CommonConfig {
  readonly modelType: "mobilebert";
  /** Width of the word embeddings, before they are transformed to hiddenSize. */
  readonly embeddingSize: number;
  /** Each token is embedded together with the token after it and the token before it. */
  readonly trigramInput: boolean;
  readonly useBottleneck: boolean;
  /** Width inside a layer with useBottleneck. A layer without a bottleneck is hiddenSize wide throughout. */
  readonly intraBottleneckSize: number;
  /** Query, key and value all read the layer's own bottleneck. */
  readonly useBottleneckAttention: boolean;
  /** Query and key share a bottleneck of their own; the value reads the layer's input. */
  readonly keyQuerySharedBottleneck: boolean;
  readonly numFeedforwardNetworks: number;
  readonly normalizationType: NormalizationType;
}

export type EncoderConfig = BertConfig | RobertaConfig | MobileBertConfig;

export const modelTypes = ["bert", "roberta", "mobilebert"] as const satisfies EncoderConfig["modelType"][];
export type ModelType = (typeof modelTypes)[number];

export const hiddenActs = ["gelu", "gelu_new", "relu"] as const;
export type HiddenAct = (typeof hiddenActs)[number];

/** Every name that Transformers gives to an activation that is computed here. */
const activations: Readonly<Record<string, HiddenAct>> = {
  gelu: "gelu",
  gelu_python: "gelu",
  gelu_new: "gelu_new",
  gelu_accurate: "gelu_new",
  gelu_fast: "gelu_new",
  gelu_python_tanh: "gelu_new",
  gelu_pytorch_tanh: "gelu_new",
  relu: "relu",
};

const normalizationTypes = ["no_norm", "layer_norm"] as const;
type NormalizationType = (typeof normalizationTypes)[number];

/**
 * Reads config.json. `assumed` is the model type of a file without model_type. Missing optional keys
 * take Hugging Face's defaults.
 * Throws `malformed`, `unsupported`, `shape` or `out-of-range`, naming the key.
 */
export function parseEncoderConfig(json: string, assumed?: ModelType): EncoderConfig {
  const raw = readConfigObject(json);
  const modelType = oneOf(raw, "model_type", { known: modelTypes, fallback: assumed });
  refuseOtherModels(raw);
  const layerNormEps = raw.layer_norm_eps ?? 1e-12;
  if (typeof layerNormEps !== "number" || !(layerNormEps > 0 && layerNormEps < 1)) {
    throw new MlError("out-of-range", `config.json: layer_norm_eps ${show(layerNormEps)} is not between 0 and 1`);
  }
  const common: CommonConfig = {
    vocabSize: size(raw, "vocab_size"),
    hiddenSize: size(raw, "hidden_size"),
    numHiddenLayers: size(raw, "num_hidden_layers", { max: maxCount }),
    numAttentionHeads: size(raw, "num_attention_heads"),
    intermediateSize: size(raw, "intermediate_size"),
    maxPositionEmbeddings: size(raw, "max_position_embeddings", { fallback: 512 }),
    typeVocabSize: size(raw, "type_vocab_size", { fallback: 2 }),
    layerNormEps,
    hiddenAct:
      activations[
        oneOf(raw, "hidden_act", {
          known: Object.keys(activations),
          fallback: modelType === "mobilebert" ? "relu" : "gelu",
        })
      ]!,
    padTokenId: padToken(raw, modelType === "roberta" ? 1 : 0),
  };
  if (common.padTokenId >= common.vocabSize) {
    throw new MlError(
      "out-of-range",
      `config.json: pad_token_id ${common.padTokenId} is not below vocab_size ${common.vocabSize}`,
    );
  }
  const config =
    modelType === "mobilebert" ? { modelType, ...common, ...mobileBertParts(raw) } : { modelType, ...common };
  if (maxInputTokens(config) < 1) {
    throw new MlError(
      "out-of-range",
      `config.json: max_position_embeddings ${config.maxPositionEmbeddings} leaves no position after pad_token_id ${config.padTokenId}`,
    );
  }
  const width = attentionWidth(config);
  if (width % config.numAttentionHeads !== 0) {
    const key = width === config.hiddenSize ? "hidden_size" : "intra_bottleneck_size";
    throw new MlError(
      "shape",
      `config.json: ${key} ${width} is not a multiple of num_attention_heads ${config.numAttentionHeads}`,
    );
  }
  return config;
}

/** Refuses the keys with which Transformers computes something other than an encoder of `model_type`. */
function refuseOtherModels(raw: Record<string, unknown>): void {
  if ((raw.position_embedding_type ?? "absolute") !== "absolute") {
    throw new MlError(
      "unsupported",
      `config.json: position_embedding_type ${show(raw.position_embedding_type)} is not "absolute"`,
    );
  }
  // `is_decoder` hides from a token the tokens after it; `add_cross_attention` reads another model's states.
  for (const key of ["is_decoder", "add_cross_attention"]) {
    if (flag(raw, key, false)) {
      throw new MlError("unsupported", `config.json: ${key} is true; only encoders are computed here`);
    }
  }
  const others = {
    auto_map: "names code of the publisher's own, which is not run here",
    quantization_config: "stores the weights in another form; save the checkpoint as float32",
    pruned_heads: "leaves heads out; save the checkpoint with all of them",
  };
  for (const [key, what] of Object.entries(others)) {
    if (Object.keys(raw[key] ?? {}).length > 0) throw new MlError("unsupported", `config.json: ${key} ${what}`);
  }
}

/** The largest number of tokens, special tokens included, that the encoder has positions for. */
export function maxInputTokens(config: EncoderConfig): number {
  const { maxPositionEmbeddings, padTokenId } = config;
  return config.modelType === "roberta" ? maxPositionEmbeddings - padTokenId - 1 : maxPositionEmbeddings;
}

/** The width of a layer's attention and feed-forward: hiddenSize, or the width of MobileBERT's bottleneck. */
export function attentionWidth(config: EncoderConfig): number {
  return config.modelType === "mobilebert" && config.useBottleneck ? config.intraBottleneckSize : config.hiddenSize;
}

const architectures: Record<ModelType, string> = {
  bert: "BertModel",
  roberta: "RobertaModel",
  mobilebert: "MobileBertModel",
};

/** The config as Hugging Face's config.json, so that other programs open the encoders that we publish. */
export function encoderConfigJson(config: EncoderConfig): string {
  const hub: Record<string, unknown> = {
    architectures: [architectures[config.modelType]],
    hidden_act: config.hiddenAct,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    layer_norm_eps: config.layerNormEps,
    max_position_embeddings: config.maxPositionEmbeddings,
    model_type: config.modelType,
    num_attention_heads: config.numAttentionHeads,
    num_hidden_layers: config.numHiddenLayers,
    pad_token_id: config.padTokenId,
    type_vocab_size: config.typeVocabSize,
    vocab_size: config.vocabSize,
  };
  if (config.modelType === "mobilebert") {
    Object.assign(hub, {
      embedding_size: config.embeddingSize,
      intra_bottleneck_size: config.intraBottleneckSize,
      key_query_shared_bottleneck: config.keyQuerySharedBottleneck,
      normalization_type: config.normalizationType,
      num_feedforward_networks: config.numFeedforwardNetworks,
      trigram_input: config.trigramInput,
      use_bottleneck: config.useBottleneck,
      use_bottleneck_attention: config.useBottleneckAttention,
    });
  }
  return `${JSON.stringify(hub, null, 2)}\n`;
}

type MobileBertParts = Omit<MobileBertConfig, keyof CommonConfig | "modelType">;

function mobileBertParts(raw: Record<string, unknown>): MobileBertParts {
  const parts: MobileBertParts = {
    embeddingSize: size(raw, "embedding_size", { fallback: 128 }),
    trigramInput: flag(raw, "trigram_input", true),
    useBottleneck: flag(raw, "use_bottleneck", true),
    intraBottleneckSize: size(raw, "intra_bottleneck_size", { fallback: 128 }),
    useBottleneckAttention: flag(raw, "use_bottleneck_attention", false),
    keyQuerySharedBottleneck: flag(raw, "key_query_shared_bottleneck", true),
    numFeedforwardNetworks: size(raw, "num_feedforward_networks", { fallback: 4, max: maxCount }),
    normalizationType: oneOf(raw, "normalization_type", { known: normalizationTypes, fallback: "no_norm" }),
  };
  const { useBottleneck, useBottleneckAttention, keyQuerySharedBottleneck, intraBottleneckSize } = parts;
  // Query and key would otherwise read the layer's full width through weights of the bottleneck's width.
  if (
    useBottleneck &&
    !useBottleneckAttention &&
    !keyQuerySharedBottleneck &&
    intraBottleneckSize !== raw.hidden_size
  ) {
    throw new MlError(
      "shape",
      `config.json: without key_query_shared_bottleneck and use_bottleneck_attention, intra_bottleneck_size ${intraBottleneckSize} must be hidden_size`,
    );
  }
  return parts;
}

/** Throws `malformed`. */
export function readConfigObject(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = parsePythonJson(json);
  } catch (cause) {
    throw new MlError("malformed", "config.json: the content is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MlError("malformed", "config.json: the content is not a JSON object");
  }
  return value as Record<string, unknown>;
}

/** Far above any real encoder's size; the limit keeps a hostile file from demanding all memory. */
const maxSize = 1_000_000;
const maxCount = 256;

interface SizeLimits {
  readonly fallback?: number;
  readonly max?: number;
}

function size(raw: Record<string, unknown>, key: string, limits: SizeLimits = {}): number {
  const { fallback, max = maxSize } = limits;
  const value = raw[key] ?? fallback;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > max) {
    throw new MlError("out-of-range", `config.json: ${key} ${show(value)} is not a whole number from 1 to ${max}`);
  }
  return value;
}

function padToken(raw: Record<string, unknown>, fallback: number): number {
  const value = raw.pad_token_id ?? fallback;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new MlError("out-of-range", `config.json: pad_token_id ${show(value)} is not a whole, non-negative number`);
  }
  return value;
}

function flag(raw: Record<string, unknown>, key: string, fallback: boolean): boolean {
  const value = raw[key] ?? fallback;
  if (typeof value !== "boolean") {
    throw new MlError("malformed", `config.json: ${key} ${show(value)} is not true or false`);
  }
  return value;
}

interface Choices<T extends string> {
  readonly known: readonly T[];
  readonly fallback: T | undefined;
}

function oneOf<T extends string>(raw: Record<string, unknown>, key: string, { known, fallback }: Choices<T>): T {
  const value = raw[key] ?? fallback;
  const found = known.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new MlError("unsupported", `config.json: ${key} ${show(value)} is not one of ${known.join(", ")}`);
  }
  return found;
}

function show(value: unknown): string {
  if (value === undefined) return "(missing)";
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}
