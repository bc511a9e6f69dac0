// The engine in plain TypeScript: the clear version every faster engine is held equal to.
import { createBert } from "../encoder/bert.js";
import type { Engine } from "./engine.js";

export const referenceEngine: Engine = { name: "reference", createEncoder: createBert };
