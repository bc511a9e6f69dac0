// The kernels as a WebAssembly module: its builds, its functions, and the division of its memory.

export interface WasmBuilds {
  /** `attune-simd128.wasm` runs wherever WebAssembly has SIMD. */
  readonly simd128: Uint8Array;
  /** `attune-relaxed.wasm` is used where the host knows relaxed SIMD. */
  readonly relaxed?: Uint8Array;
}

export type WasmBuild = keyof WasmBuilds;

export interface KernelExports {
  heap_base(): number;
  encoder_size(config: number, threads: number): number;
  encoder_init(memory: number, bytes: number, config: number, team: number): number;
  encoder_load(
    encoder: number,
    slot: number,
    layer: number,
    first: number,
    count: number,
    values: number,
    bytes: number,
    scales: number,
  ): number;
  encoder_embed(encoder: number, ids: number, tokens: number, lengths: number, texts: number, mask: number): number;
  encoder_run(encoder: number, first: number, last: number): number;
  encoder_hidden(encoder: number, stride: number): number;
  encoder_pool(encoder: number, pooling: number, out: number, floats: number): number;
}

/** The parts of an encoder's memory beside the encoder itself. */
export interface MemoryNeeds {
  readonly config: Uint8Array;
  readonly regionBytes: number;
}

/**
 * The memory from its heap on: the config, the encoder, and a region for all other input and output. Numbers are
 * addresses, and sizes in bytes.
 */
export interface KernelMemory {
  readonly kernel: KernelExports;
  readonly buffer: ArrayBufferLike;
  readonly config: number;
  readonly encoder: number;
  readonly encoderBytes: number;
  readonly region: number;
  /** 0 where this thread computes alone. */
  readonly team: number;
}
