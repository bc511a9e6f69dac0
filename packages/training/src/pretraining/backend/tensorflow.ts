// The type of the library that trains: `openBackend` loads the library late and passes it on as a value.

export type Tf = typeof import("@tensorflow/tfjs");
