// The build of the kernels that the server takes for each purpose.

import { hasRelaxedSimd } from "@attune/ml/engine/wasm-engine";
import { describe, expect, test } from "vitest";
import { openEngine, openReproducibleEngine } from "./engine.js";

describe("the server's engine", () => {
  test("is the fastest build that the host knows", () => {
    expect(openEngine().name).toMatch(hasRelaxedSimd() ? /^wasm-relaxed [0-9a-f]{8}$/ : /^wasm-simd128 [0-9a-f]{8}$/);
  });

  test("for what is published is the build whose every rounding WebAssembly's standard fixes, whatever the host knows", () => {
    expect(openReproducibleEngine(1).engine.build).toBe("simd128");
  });
});
