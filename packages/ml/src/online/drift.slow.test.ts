/// <reference path="../platform.d.ts" />

import { readFileSync } from "node:fs";
import { testDrift } from "../../../../test/heads/drift-suite.js";
import { createWasmEngine } from "../engine/wasm-engine.js";
import { referenceHeadKernels } from "../heads/reference-head-kernels.js";

const simd128 = readFileSync(new URL("../../kernels/wasm/attune-simd128.wasm", import.meta.url));

testDrift("TypeScript", referenceHeadKernels);
testDrift("WebAssembly", createWasmEngine({ simd128 }).heads);
