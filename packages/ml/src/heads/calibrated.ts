// A head with a temperature: its predictions are the head's, its probabilities are calibrated.
// Its file is the head's file with one more metadata field, which readers that do not know the field ignore.

import { MlError } from "../error.js";
import { createMatrix, type Matrix } from "../tensor/matrix.js";
import type { TensorFile } from "../tensor/safetensors.js";
import type { ElmHead } from "./elm.js";
import { checkFeatures } from "./examples.js";
import type { Head } from "./head.js";
import type { HeadKernels } from "./head-kernels.js";
import { outputScores } from "./hidden-layer.js";
import type { LinearHead } from "./linear.js";
import type { OselmHead } from "./oselm.js";
import { referenceHeadKernels } from "./reference-head-kernels.js";
import { softmaxAt, temperatureRange } from "./temperature.js";

type Calibrated<H extends Head> = H & { readonly temperature: number };

/**
 * The calibrated head learns as `head` does; only its probabilities differ. Throws `out-of-range` for
 * a temperature outside `temperatureRange`.
 */
export function calibrateHead<H extends Head>(head: H, temperature: number, kernels?: HeadKernels): Calibrated<H> {
  const [least, most] = temperatureRange;
  if (!(temperature >= least && temperature <= most)) {
    throw new MlError("out-of-range", `temperature is ${temperature}; it must be a number from ${least} to ${most}`);
  }
  const scores = headScores(head, kernels);
  function save(): TensorFile {
    const { metadata, tensors } = head.save();
    return { metadata: { ...metadata, temperature: String(temperature) }, tensors };
  }
  const own = { temperature, probabilities: (features: Matrix) => softmaxAt(scores(features), temperature), save };
  // Every other member is the head's own, also the members that change as the head learns.
  return Object.assign(Object.create(head), own) as Calibrated<H>;
}

/**
 * Gives `head` the temperature of its file, if the file holds one. Throws `malformed` and
 * `out-of-range`, naming the field.
 */
export function withStoredTemperature(head: Head, { metadata }: TensorFile, kernels?: HeadKernels): Head {
  const stored = metadata.temperature;
  if (stored === undefined) return head;
  const temperature = stored.trim() === "" ? Number.NaN : Number(stored);
  if (!Number.isFinite(temperature)) {
    throw new MlError("malformed", `Metadata field "temperature" is "${stored}", not a number`);
  }
  return calibrateHead(head, temperature, kernels);
}

/**
 * The scores from which a head's probabilities are computed, (N, inputSize) to (N, classes). They are the logits of
 * `linear`, and the least-squares outputs of `elm` and `oselm`. The ELM scores throw `shape` and `not-finite`.
 */
export function headScores(head: Head, kernels: HeadKernels = referenceHeadKernels): (features: Matrix) => Matrix {
  if (head.kind === "linear") return (features) => linearScores(head as LinearHead, features);
  const elm = head as ElmHead | OselmHead;
  const classes = elm.identity.classes.length;
  return (features) => {
    checkFeatures(features, elm.inputSize);
    if (features.rows === 0) return createMatrix(0, classes);
    const scores = kernels.elmScores(elm.layer, features, elm.outputWeights);
    return createMatrix(features.rows, classes, Float32Array.from(scores));
  };
}

/** h: (N, hidden), outputWeights: (classes, hidden) → (N, classes). */
export function outputsOf(h: Float64Array, outputWeights: Float64Array, hidden: number): Matrix {
  const rows = h.length / hidden;
  const classes = outputWeights.length / hidden;
  const result = createMatrix(rows, classes);
  const out = new Float64Array(classes);
  for (let i = 0; i < rows; i++) {
    outputScores(outputWeights, h, { at: i * hidden, out });
    result.data.set(out, i * classes);
  }
  return result;
}

function linearScores({ weight, bias, inputSize }: LinearHead, features: Matrix): Matrix {
  checkFeatures(features, inputSize);
  const result = createMatrix(features.rows, bias.length);
  for (let i = 0; i < features.rows; i++) {
    for (let c = 0; c < bias.length; c++) {
      let sum = bias[c]!;
      for (let d = 0; d < inputSize; d++) sum += weight[c * inputSize + d]! * features.data[i * inputSize + d]!;
      result.data[i * bias.length + c] = sum;
    }
  }
  return result;
}
