import { expect, test } from "vitest";
import { MlError } from "../error.js";
import { encoderConfigJson, parseEncoderConfig } from "./config.js";

// The published google/bert_uncased_L-2_H-128_A-2, with the keys of its config.json.
const bertTiny = {
  hidden_size: 128,
  hidden_act: "gelu",
  initializer_range: 0.02,
  vocab_size: 30522,
  hidden_dropout_prob: 0.1,
  num_attention_heads: 2,
  type_vocab_size: 2,
  max_position_embeddings: 512,
  num_hidden_layers: 2,
  intermediate_size: 512,
  attention_probs_dropout_prob: 0.1,
  model_type: "bert",
};
const parse = (changes: Record<string, unknown>) => () =>
  parseEncoderConfig(JSON.stringify({ ...bertTiny, ...changes }));

test("reads Hugging Face's keys into camelCase, with Hugging Face's defaults for what is missing", () => {
  expect(parse({})()).toEqual({
    modelType: "bert",
    vocabSize: 30522,
    hiddenSize: 128,
    numHiddenLayers: 2,
    numAttentionHeads: 2,
    intermediateSize: 512,
    maxPositionEmbeddings: 512,
    typeVocabSize: 2,
    layerNormEps: 1e-12,
    hiddenAct: "gelu",
    padTokenId: 0,
  });
});

test("writes a config.json that reads back equal", () => {
  const config = parse({ hidden_act: "gelu_new", layer_norm_eps: 1e-5 })();
  expect(parseEncoderConfig(encoderConfigJson(config))).toEqual(config);
});

test.each([
  ["gelu", ["gelu", "gelu_python"]],
  ["gelu_new", ["gelu_new", "gelu_pytorch_tanh", "gelu_python_tanh", "gelu_accurate", "gelu_fast"]],
  ["relu", ["relu"]],
])("reads each name that Transformers has for %s", (hiddenAct, names) => {
  for (const name of names) expect(parse({ hidden_act: name })().hiddenAct).toBe(hiddenAct);
});

test("reads NaN and infinite numbers as Python writes them, and says which key cannot have one", () => {
  const json = JSON.stringify({ ...bertTiny, note: 'NaN, "Infinity' });
  const withMore = (more: string) => () => parseEncoderConfig(json.replace("{", `{${more},`));
  expect(withMore('"best": NaN, "worst": [Infinity, -Infinity]')()).toEqual(parse({})());
  expect(withMore('"layer_norm_eps": NaN')).toThrow("layer_norm_eps NaN is not between 0 and 1");
  expect(withMore('"pad_token_id": -Infinity')).toThrow("pad_token_id -Infinity is not a whole");
  expect(withMore('"best": nan')).toThrow("config.json: the content is not JSON");
});

test("takes the model_type that is assumed where none is stated", () => {
  const { model_type: _, ...untyped } = bertTiny;
  expect(parseEncoderConfig(JSON.stringify(untyped), "bert")).toEqual(parse({})());
  expect(parseEncoderConfig(JSON.stringify(bertTiny), "roberta").modelType).toBe("bert");
});

test.each([
  [{ model_type: "gpt2" }, 'model_type "gpt2"'],
  [{ model_type: undefined }, "model_type (missing)"],
  [{ hidden_act: "swish" }, 'hidden_act "swish"'],
  [{ hidden_act: "gelu_10" }, 'hidden_act "gelu_10"'],
  [{ hidden_act: "toString" }, 'hidden_act "toString"'],
  [{ auto_map: { AutoModel: "own.Own" } }, "auto_map names code of the publisher's own"],
  [{ quantization_config: { bits: 8 } }, "quantization_config stores the weights in another form"],
  [{ pruned_heads: { 0: [1] } }, "pruned_heads leaves heads out"],
  [{ position_embedding_type: "relative_key" }, 'position_embedding_type "relative_key"'],
  [{ is_decoder: true }, "is_decoder is true"],
  [{ add_cross_attention: true }, "add_cross_attention is true"],
  [{ is_decoder: 1 }, "is_decoder 1 is not true or false"],
  [{ num_attention_heads: 3 }, "hidden_size 128 is not a multiple of num_attention_heads 3"],
  [{ hidden_size: undefined }, "hidden_size (missing)"],
  [{ hidden_size: 0 }, "hidden_size 0"],
  [{ num_hidden_layers: 1.5 }, "num_hidden_layers 1.5"],
  [{ num_hidden_layers: 257 }, "num_hidden_layers 257 is not a whole number from 1 to 256"],
  [{ intermediate_size: "512" }, 'intermediate_size "512"'],
  [{ vocab_size: 1e9 }, "vocab_size 1000000000"],
  [{ layer_norm_eps: -1 }, "layer_norm_eps -1"],
  [{ pad_token_id: 30522 }, "pad_token_id 30522"],
])("refuses %j, naming the key", (changes, message) => {
  expect(parse(changes)).toThrow(message);
  expect(parse(changes)).toThrow(MlError);
});

test("refuses what is not a JSON object", () => {
  expect(() => parseEncoderConfig("{")).toThrow("config.json: the content is not JSON");
  expect(() => parseEncoderConfig("[]")).toThrow("config.json: the content is not a JSON object");
});
