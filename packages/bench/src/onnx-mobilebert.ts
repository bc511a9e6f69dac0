// MobileBERT as ONNX nodes, after packages/ml/src/encoder/mobilebert.ts: bottlenecks, several feed-forward
// networks, NoNorm. Its fused form has ONNX Runtime's attention. No other operator there takes query and key from
// another input than value.

import type { MobileBertConfig } from "@attune/ml/encoder/config";
import { createBlocks, type Parts } from "./onnx-blocks.js";

/**
 * Encodes the configuration of the paper's MobileBERT: trigrams, bottlenecks, one of them shared by query
 * and key, ReLU, NoNorm.
 */
export function mobileBertEncoder(parts: Parts<MobileBertConfig>): string {
  const { config, graph } = parts;
  const { node } = graph;
  const { norm, prepare, linear, attention, gather, type } = createBlocks(parts);
  const width = config.intraBottleneckSize;

  /** norm(dense(x) + residual) */
  function normed(x: string, name: string, residual?: string): string {
    const dense = linear(prepare(x), `${name}.dense`);
    return norm(residual === undefined ? dense : node("Add", [dense, residual]), `${name}.LayerNorm`);
  }

  const words = trigrams(parts, gather("word_embeddings", config.vocabSize, "ids"));
  const positions = gather("position_embeddings", config.maxPositionEmbeddings, "positions");
  const transformed = linear(prepare(words), "embeddings.embedding_transformation");
  let x = norm(node("Add", [node("Add", [transformed, type()]), positions]), "embeddings.LayerNorm");
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    const inside = normed(x, `${name}.bottleneck.input`);
    const shared = prepare(normed(x, `${name}.bottleneck.attention`));
    const query = linear(shared, `${name}.attention.self.query`);
    const key = linear(shared, `${name}.attention.self.key`);
    const value = linear(prepare(x), `${name}.attention.self.value`);
    let hidden = normed(attention([query, key, value], width), `${name}.attention.output`, inside);
    const last = config.numFeedforwardNetworks - 1;
    for (let i = 0; i <= last; i++) {
      const network = i === last ? name : `${name}.ffn.${i}`;
      const active = node("Relu", [linear(prepare(hidden), `${network}.intermediate.dense`)]);
      hidden = normed(active, `${network}.output`, hidden);
    }
    x = normed(hidden, `${name}.output.bottleneck`, x);
  }
  return x;
}

/**
 * (1, tokens, width) → (1, tokens, 3 · width): each token's follower, itself and its predecessor;
 * zeros beyond either end.
 */
function trigrams({ graph }: Parts<MobileBertConfig>, x: string): string {
  const { constant, node } = graph;
  const whole = (...values: number[]) => constant(BigInt64Array.from(values, BigInt), [values.length]);
  const part = (from: number, to: number) => node("Slice", [x, whole(from), whole(to), whole(1)]);
  const followers = node("Pad", [part(1, 2 ** 31 - 1), whole(0, 0, 0, 0, 1, 0)]);
  const predecessors = node("Pad", [part(0, -1), whole(0, 1, 0, 0, 0, 0)]);
  return node("Concat", [followers, x, predecessors], { attributes: { axis: 2 } });
}
