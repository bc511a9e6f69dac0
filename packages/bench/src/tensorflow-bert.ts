// The encoder in TensorFlow.js at its fastest: weights are transposed beforehand, because its wasm backend multiplies
// slowly by a transpose.

import type { BertConfig } from "@attune/ml/encoder/config";
import type { Pooling } from "@attune/ml/encoder/pooling";
import { getFloat32, type TensorFile } from "@attune/ml/tensor/safetensors";
import type { Tensor, Tensor2D, Tensor3D } from "@tensorflow/tfjs";
import type { Tf } from "./product.js";

interface TensorflowModel {
  readonly config: BertConfig;
  readonly weights: TensorFile;
  readonly pooling: Pooling;
}

/** ids → the pooled last hidden states, as the other contenders compute them. */
export function tensorflowBert(tf: Tf, { config, weights: file, pooling }: TensorflowModel) {
  const { hiddenSize, numAttentionHeads: heads } = config;
  const width = hiddenSize / heads;
  const weights = new Map<string, Tensor>();
  for (const [name, { shape }] of file.tensors) {
    const tensor = tf.tensor(getFloat32(file, name), [...shape]);
    const isLinear = shape.length === 2 && !name.startsWith("embeddings.");
    weights.set(name, isLinear ? tf.tidy(() => tensor.transpose().clone()) : tensor);
    if (isLinear) tensor.dispose();
  }
  const weight = (name: string) => weights.get(name)!;
  const linear = (x: Tensor, name: string) =>
    tf.fused.matMul({
      a: x as Tensor2D,
      b: weight(`${name}.weight`) as Tensor2D,
      bias: weight(`${name}.bias`),
    });
  const norm = (x: Tensor, name: string) => {
    const { mean, variance } = tf.moments(x, -1, true);
    const scaled = tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, config.layerNormEps)));
    return tf.add(tf.mul(scaled, weight(`${name}.weight`)), weight(`${name}.bias`));
  };
  const gelu = (x: Tensor) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));

  function forward(ids: Int32Array): Tensor {
    const tokens = ids.length;
    const words = tf.gather(weight("embeddings.word_embeddings.weight"), tf.tensor1d(ids, "int32"));
    const positions = tf.slice(weight("embeddings.position_embeddings.weight"), [0, 0], [tokens, hiddenSize]);
    const type = tf.slice(weight("embeddings.token_type_embeddings.weight"), [0, 0], [1, hiddenSize]);
    let x: Tensor = norm(tf.add(tf.add(words, positions), type), "embeddings.LayerNorm");
    for (let layer = 0; layer < config.numHiddenLayers; layer++) {
      const name = `encoder.layer.${layer}`;
      const split = (part: string, order: number[]) =>
        tf.transpose(
          tf.reshape(linear(x, `${name}.attention.self.${part}`), [tokens, heads, width]),
          order,
        ) as Tensor3D;
      const scores = tf.matMul(split("query", [1, 0, 2]), split("key", [1, 2, 0]));
      const context = tf.matMul(
        tf.softmax(tf.mul(scores, 1 / Math.sqrt(width))) as Tensor3D,
        split("value", [1, 0, 2]),
      );
      const joined = tf.reshape(tf.transpose(context, [1, 0, 2]), [tokens, hiddenSize]);
      x = norm(tf.add(linear(joined, `${name}.attention.output.dense`), x), `${name}.attention.output.LayerNorm`);
      const inner = gelu(linear(x, `${name}.intermediate.dense`));
      x = norm(tf.add(linear(inner, `${name}.output.dense`), x), `${name}.output.LayerNorm`);
    }
    if (pooling === "cls") return tf.squeeze(tf.slice(x as Tensor2D, [0, 0], [1, hiddenSize]));
    const mean = tf.mean(x, 0);
    return pooling === "mean" ? mean : tf.concat([mean, tf.max(x, 0)]);
  }

  return {
    features(ids: Int32Array): Float32Array {
      const result = tf.tidy(() => forward(ids));
      const values = result.dataSync() as Float32Array;
      result.dispose();
      return values;
    },
    dispose() {
      for (const tensor of weights.values()) tensor.dispose();
    },
  };
}
