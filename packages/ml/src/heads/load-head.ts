// Reads a head of any kind from its file.

import { MlError } from "../error.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { withStoredTemperature } from "./calibrated.js";
import { loadElm } from "./elm.js";
import type { Head } from "./head.js";
import { readHeader } from "./head-file.js";
import type { HeadKernels } from "./head-kernels.js";
import { loadLinear } from "./linear.js";
import { loadOselm } from "./oselm.js";

/**
 * Reads a head of any kind, with its temperature if its file holds one.
 * Throws `malformed`, `shape`, `not-finite`, `out-of-range` or `unsupported`, naming the field.
 */
export function loadHead(file: TensorFile, kernels?: HeadKernels): Head {
  return withStoredTemperature(loadPlainHead(file, kernels), file, kernels);
}

function loadPlainHead(file: TensorFile, kernels: HeadKernels | undefined): Head {
  const { kind } = readHeader(file);
  switch (kind) {
    case "linear":
      return loadLinear(file, kernels);
    case "elm":
      return loadElm(file, kernels);
    case "oselm":
      return loadOselm(file, kernels);
    default:
      throw new MlError("unsupported", `Metadata field "kind" is "${kind}"; this version reads linear, elm and oselm`);
  }
}
