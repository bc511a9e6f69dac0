// The engine in plain TypeScript: the clear version that every faster engine must equal.

import { createEncoder } from "../encoder/create-encoder.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";
import type { Engine } from "./engine.js";

export const referenceEngine: Engine = { name: "reference", createEncoder, heads: referenceHeadKernels };
