// Compares the layers of a real, trained BERT-Tiny with its own float64 check vectors. The data are not part of the
// repository; bert.test.ts covers the same code everywhere on random weights.

import { expect, test } from "vitest";
import { readTrainedBert, trainedFiles } from "../../../../test/golden/trained-bert.js";
import { describeUnlessLacking, lackOfData } from "../../../../test/requirements.js";
import { quantizeTensorFile } from "../quantization/int8.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { createBertLayers } from "./bert.js";

describeUnlessLacking("a trained BERT-Tiny", lackOfData(...trainedFiles), () => {
  const { config, file, embedded, lastHidden } = readTrainedBert();
  const difference = (tensors: TensorFile) => {
    const last = createBertLayers(config, tensors)(embedded).at(-1)!;
    return last.data.reduce((largest, value, i) => Math.max(largest, Math.abs(value - lastHidden[i]!)), 0);
  };

  test("reproduces a trained BERT-Tiny's last hidden state to 1e-5", () => {
    expect(difference(file)).toBeLessThan(1e-5);
  });

  test("stays within 0.1 of it with int8 weights", () => {
    expect(difference(quantizeTensorFile(file))).toBeLessThan(0.1);
  });
});
