// The library that trains, as a type: it is loaded late, by `openBackend`, and handed on as a value.

export type Tf = typeof import("@tensorflow/tfjs");
