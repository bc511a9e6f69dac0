// An encoder's sizes, read from Hugging Face's config.json: its keys in camelCase here, every one checked.
import { MlError } from "../error.js";

export interface EncoderConfig {
  readonly modelType: "bert";
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

export const hiddenActs = ["gelu", "gelu_new", "relu"] as const;
export type HiddenAct = (typeof hiddenActs)[number];

/** Reads config.json. Throws `malformed`, `unsupported` or `out-of-range`, naming the key. Missing optional keys take Hugging Face's defaults for BERT. */
export function parseEncoderConfig(json: string): EncoderConfig {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new MlError("malformed", "config.json is not JSON", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new MlError("malformed", "config.json is not a JSON object");
  }
  const raw = value as Record<string, unknown>;
  if (raw.model_type !== "bert") {
    throw new MlError("unsupported", `config.json: model_type ${show(raw.model_type)} is not one of "bert"`);
  }
  if ((raw.position_embedding_type ?? "absolute") !== "absolute") {
    throw new MlError(
      "unsupported",
      `config.json: position_embedding_type ${show(raw.position_embedding_type)} is not "absolute"`,
    );
  }
  const hiddenAct = raw.hidden_act ?? "gelu";
  if (!isHiddenAct(hiddenAct)) {
    throw new MlError(
      "unsupported",
      `config.json: hidden_act ${show(hiddenAct)} is not one of ${hiddenActs.join(", ")}`,
    );
  }
  const layerNormEps = raw.layer_norm_eps ?? 1e-12;
  if (typeof layerNormEps !== "number" || !(layerNormEps > 0 && layerNormEps < 1)) {
    throw new MlError("out-of-range", `config.json: layer_norm_eps ${show(layerNormEps)} is not between 0 and 1`);
  }
  const config: EncoderConfig = {
    modelType: "bert",
    vocabSize: size(raw, "vocab_size"),
    hiddenSize: size(raw, "hidden_size"),
    numHiddenLayers: size(raw, "num_hidden_layers"),
    numAttentionHeads: size(raw, "num_attention_heads"),
    intermediateSize: size(raw, "intermediate_size"),
    maxPositionEmbeddings: size(raw, "max_position_embeddings", 512),
    typeVocabSize: size(raw, "type_vocab_size", 2),
    layerNormEps,
    hiddenAct,
    padTokenId: padToken(raw),
  };
  if (config.hiddenSize % config.numAttentionHeads !== 0) {
    throw new MlError(
      "shape",
      `config.json: hidden_size ${config.hiddenSize} is not a multiple of num_attention_heads ${config.numAttentionHeads}`,
    );
  }
  if (config.padTokenId >= config.vocabSize) {
    throw new MlError(
      "out-of-range",
      `config.json: pad_token_id ${config.padTokenId} is not below vocab_size ${config.vocabSize}`,
    );
  }
  return config;
}

/** The config as Hugging Face's config.json, so that what we publish opens elsewhere. */
export function encoderConfigJson(config: EncoderConfig): string {
  const hub = {
    architectures: ["BertModel"],
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
  return `${JSON.stringify(hub, null, 2)}\n`;
}

/** Far above any real encoder; it keeps a hostile file from asking for all memory. */
const largestSize = 1_000_000;

function size(raw: Record<string, unknown>, key: string, fallback?: number): number {
  const value = raw[key] ?? fallback;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 1 || value > largestSize) {
    throw new MlError(
      "out-of-range",
      `config.json: ${key} ${show(value)} is not a whole number from 1 to ${largestSize}`,
    );
  }
  return value;
}

function padToken(raw: Record<string, unknown>): number {
  const value = raw.pad_token_id ?? 0;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw new MlError("out-of-range", `config.json: pad_token_id ${show(value)} is not a whole, non-negative number`);
  }
  return value;
}

function isHiddenAct(value: unknown): value is HiddenAct {
  return hiddenActs.some((known) => known === value);
}

function show(value: unknown): string {
  return value === undefined ? "(missing)" : JSON.stringify(value);
}
