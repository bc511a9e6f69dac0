// The parts of `attune bench` with their meanings. The command's help and completion know them without the benchmarks,
// which it loads when asked.

export const benchParts = {
  predict: "text to features of the bundled extractor",
  table8: "the paper's table 8: the native kernels beside ONNX Runtime for Node",
  table9: "table 9: WebAssembly beside ONNX Runtime for the web and TensorFlow.js",
  table10: "table 10: training of heads, native, beside scikit-learn, NumPy and TensorFlow.js",
  table11: "table 11: the same in WebAssembly",
  oselm: "one OSELM update and one ELM fit beside NumPy",
  online: "one label learned at once, beside scikit-learn and full refits",
  "cold-start": "a new process up to its first prediction, and its memory",
  memory: "the resident memory of a real daemon, before and after it learned",
} as const;

export type PartName = keyof typeof benchParts;

export const partNames = Object.keys(benchParts) as readonly PartName[];
