// The list must name exactly the tensors that encoders read: a checkpoint of these tensors loads, and a checkpoint
// without one of them does not.

import { describe, expect, test } from "vitest";
import { readGoldenEncoders } from "../../../../test/golden/encoders.js";
import type { Tensor } from "../tensor/safetensors.js";
import { createEncoder } from "./create-encoder.js";
import { encoderWeightShapes, weightPrefixes } from "./weight-shapes.js";

const encoders = (["encoder", "roberta", "mobilebert"] as const).flatMap(readGoldenEncoders);

describe.each(encoders)("of $config.modelType $name", ({ config, file }) => {
  const shapes = [...encoderWeightShapes(config)];
  const zeros = ([name, shape]: [string, number[]]): [string, Tensor] => [
    name,
    { dtype: "F32", shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) },
  ];

  test("are those of Transformers' checkpoint", () => {
    for (const [name, shape] of shapes) {
      const tensor = file.tensors.get(name) ?? file.tensors.get(weightPrefixes[config.modelType] + name);
      expect(tensor?.shape, name).toEqual(shape);
    }
  });

  test("are all that is read, and none is left out", () => {
    const load = (entries: [string, number[]][]) =>
      createEncoder(config, { tensors: new Map(entries.map(zeros)), metadata: {} });
    load(shapes).forward(Int32Array.of(2));
    for (const [name] of shapes) {
      expect(() => load(shapes.filter(([other]) => other !== name))).toThrow(`tensor "${name}" is missing`);
    }
  });
});
