// Compares the kernels on a real, trained BERT-Tiny, in every format of weights, with its float64 check vectors. The
// data are not part of the repository; kernel-golden.test.ts covers the same code everywhere on random weights.

import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { largestOf } from "../../../../test/golden/encoders.js";
import { readTrainedBert, trainedFiles, trainedForms } from "../../../../test/golden/trained-bert.js";
import { describeUnlessLacking, lackOfData } from "../../../../test/requirements.js";
import { createWasmEngine } from "./wasm-engine.js";

describeUnlessLacking("a trained BERT-Tiny", lackOfData(...trainedFiles), () => {
  const trained = readTrainedBert();
  const kernel = (name: string) => readFileSync(new URL(`../../kernels/wasm/${name}`, import.meta.url));
  const simd128 = kernel("attune-simd128.wasm");
  const builds = [
    { build: "simd128", engine: createWasmEngine({ simd128 }) },
    {
      build: "relaxed where the host knows it",
      engine: createWasmEngine({ simd128, relaxed: kernel("attune-relaxed.wasm") }),
    },
  ];

  describe.each(builds)("the $build build", ({ engine }) => {
    test.each(trainedForms(trained))(
      "gives a trained BERT-Tiny's last hidden state within $worst in $dtype",
      ({ config, file, ids, worst }) => {
        const { hiddenStates } = engine.createEncoder(config, file).forward(ids);
        expect(largestOf(hiddenStates[0]!.data, trained.embedded.data)).toBeLessThan(1e-5);
        expect(largestOf(hiddenStates.at(-1)!.data, trained.lastHidden)).toBeLessThan(worst);
      },
    );
  });
});
