// The C kernels in WebAssembly: the engine for phones and for every host without a native build. The caller
// passes the modules' bytes.

import { MlError } from "../error.js";
import type { Engine } from "./engine.js";
import { createWasmHeadCore } from "./head-core.js";
import { createKernelEncoder, type EncoderKernel } from "./kernel-encoder.js";
import { createHeadKernels } from "./kernel-heads.js";
import {
  type KernelRows,
  type KernelTensor,
  type KernelWeights,
  kernelConfig,
  kernelWeights,
  loadTensors,
} from "./kernel-weights.js";
import type { KernelExports, KernelMemory, MemoryNeeds, WasmBuild, WasmBuilds } from "./wasm-kernel.js";
import type { WasmTeam } from "./wasm-team.js";

export interface WasmEngine extends Engine {
  readonly name: "wasm";
  readonly build: WasmBuild;
}

/**
 * The threads of `team` compute the encoders' forwards, to the same bits. Without a team, this thread computes alone.
 * Throws `unsupported` where the host has no WebAssembly SIMD.
 */
export function createWasmEngine(builds: WasmBuilds, team?: WasmTeam): WasmEngine {
  // Each build is read only when it is needed: `builds` may have getters that read a file.
  const relaxed = hasRelaxedSimd() ? builds.relaxed : undefined;
  const build: WasmBuild = relaxed === undefined ? "simd128" : "relaxed";
  const module = compile(relaxed ?? builds.simd128);
  return {
    name: "wasm",
    build,
    createEncoder(config, tensors) {
      const weights = kernelWeights(config, tensors);
      const rows = Math.max(config.maxPositionEmbeddings, minRows);
      const needs = { config: kernelConfig(config, weights, rows), regionBytes: regionBytes(weights, rows) };
      const memory = team?.open(build, needs) ?? openMemory(module, needs);
      return createKernelEncoder(config, createWasmKernel(memory, { weights, rows, regionBytes: needs.regionBytes }));
    },
    heads: createHeadKernels(createWasmHeadCore(module)),
  };
}

function compile(bytes: Uint8Array): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    const why = "This host's WebAssembly has no SIMD, or the kernel's bytes are damaged";
    throw new MlError("unsupported", why, { cause });
  }
}

/** Room for a batch of short texts, however short the model's longest text is. */
const minRows = 256;

/** A module with one relaxed swizzle: it is valid exactly where the host knows relaxed SIMD. */
const relaxedProbe = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(Uint8Array.from(relaxedProbe));
}

/** The most texts in one batch: a batch larger than a few dozen texts gains nothing. */
const batchTexts = 32;
const badInput = -3;
const pageBytes = 65536;
const configBytes = 128;

function regionBytes({ tensors }: KernelWeights, rows: number): number {
  const longestRow = tensors.reduce((most, { cols }) => Math.max(most, cols), 0);
  return Math.max(pageBytes, 8 * longestRow + 128, 12 * rows, 8 * longestRow * batchTexts);
}

/** Memory that belongs to this thread alone. */
function openMemory(module: WebAssembly.Module, { config: configValues, regionBytes }: MemoryNeeds): KernelMemory {
  const exports = new WebAssembly.Instance(module).exports as unknown as KernelExports & { memory: WebAssembly.Memory };
  const { memory } = exports;
  const config = alignUp(exports.heap_base());
  grow(memory, config + configBytes);
  new Uint8Array(memory.buffer, config).set(configValues);
  const encoderBytes = exports.encoder_size(config, 1);
  if (encoderBytes < 0) {
    const why = "The encoder is too large for WebAssembly's memory, or its sizes are out of range";
    throw new MlError("unsupported", why);
  }
  const encoder = config + configBytes;
  const region = alignUp(encoder + encoderBytes);
  grow(memory, region + regionBytes);
  return { kernel: exports, buffer: memory.buffer, config, encoder, encoderBytes, region, team: 0 };
}

function createWasmKernel(
  memory: KernelMemory,
  { weights, rows, regionBytes }: { weights: KernelWeights; rows: number; regionBytes: number },
): EncoderKernel {
  const { kernel, buffer, encoder, region } = memory;
  refuse(kernel.encoder_init(encoder, memory.encoderBytes, memory.config, memory.team), "the configuration");
  loadTensors(weights, regionBytes - 64, (...part) => loadRows(memory, part));

  const ids = new Int32Array(buffer, region, rows);
  const lengths = new Int32Array(buffer, region + 4 * rows, rows);
  const mask = new Uint8Array(buffer, region + 8 * rows, rows);
  let tokens = 0;

  return {
    rows,
    texts: batchTexts,
    embed(nextIds, nextLengths, nextMask) {
      if (nextIds.length > rows || nextLengths.length > batchTexts) return badInput;
      tokens = nextIds.length;
      ids.set(nextIds);
      lengths.set(nextLengths);
      if (nextMask !== undefined) mask.set(nextMask);
      const maskAt = nextMask === undefined ? 0 : mask.byteOffset;
      return kernel.encoder_embed(encoder, ids.byteOffset, tokens, lengths.byteOffset, nextLengths.length, maskAt);
    },
    run: (first, last) => kernel.encoder_run(encoder, first, last),
    readHidden(out) {
      const from = kernel.encoder_hidden(encoder, region) / 4;
      const stride = new Int32Array(buffer, region, 1)[0]!;
      const cols = out.length / tokens;
      const floats = new Float32Array(buffer);
      for (let t = 0; t < tokens; t++) {
        out.set(floats.subarray(from + t * stride, from + t * stride + cols), t * cols);
      }
    },
    pool(pooling, out) {
      const code = kernel.encoder_pool(encoder, pooling, region, out.length);
      if (code === 0) out.set(new Float32Array(buffer, region, out.length));
      return code;
    },
  };
}

/** Copies through the region: the values, then the scales from the next aligned place on. */
function loadRows(
  { kernel, buffer, encoder, region }: KernelMemory,
  [{ slot, layer, cols }, first, { values, scales }]: readonly [KernelTensor, number, KernelRows],
): number {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  new Uint8Array(buffer, region, bytes.length).set(bytes);
  let scalesAt = 0;
  if (scales !== undefined) {
    scalesAt = alignUp(region + bytes.length);
    new Float32Array(buffer, scalesAt, scales.length).set(scales);
  }
  const count = values.length / cols;
  return kernel.encoder_load(encoder, slot, layer, first, count, region, bytes.length, scalesAt);
}

function refuse(code: number, what: string): void {
  if (code !== 0) throw new MlError("shape", `The encoder's kernel refused ${what} (code ${code})`);
}

function alignUp(address: number): number {
  return Math.ceil(address / 64) * 64;
}

function grow(memory: WebAssembly.Memory, bytes: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes);
  if (missing <= 0) return;
  try {
    memory.grow(missing);
  } catch (cause) {
    throw new MlError("unsupported", `This host has no ${bytes} bytes for the encoder in WebAssembly`, { cause });
  }
}
