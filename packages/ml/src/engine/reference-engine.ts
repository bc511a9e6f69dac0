// The engine in plain TypeScript: the clear version every faster engine is held equal to.
import { createEncoder } from "../encoder/create-encoder.js";
import type { Engine } from "./engine.js";

export const referenceEngine: Engine = { name: "reference", createEncoder };
