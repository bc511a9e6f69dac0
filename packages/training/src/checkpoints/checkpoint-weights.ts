// Finds and opens the weights of a checkpoint folder in Hugging Face's layout (one file or many, safetensors or
// PyTorch's), and takes them by name.

import { readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { EncoderConfig, ModelType } from "@attune/ml/encoder/config";
import { encoderWeightShapes, weightPrefixes } from "@attune/ml/encoder/weight-shapes";
import { assertFinite } from "@attune/ml/error";
import { parsePythonJson } from "@attune/ml/json";
import { asFloat32 } from "@attune/ml/tensor/half";
import { parseSafetensors, sameShape, type Tensor, type TensorFile } from "@attune/ml/tensor/safetensors";
import { isPresentSync } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { readTorchFile, type StoredTensor } from "./torch-file.js";

/** In order of preference: safetensors files hold nothing but tensors, and open without a copy. */
export const weightFileNames = [
  "model.safetensors",
  "model.safetensors.index.json",
  "pytorch_model.bin",
  "pytorch_model.bin.index.json",
] as const;

interface CheckpointTensor extends StoredTensor {
  readonly file: WeightFile;
}

/** The file that holds a tensor. */
interface WeightFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** The types of a weight that is taken. A tensor that is not taken may have any type. */
const weightDtypes = ["F64", "F32", "F16", "BF16"];

type CheckpointTensors = ReadonlyMap<string, CheckpointTensor>;

/** Every tensor of the folder by name. Throws INVALID_CHECKPOINT naming the file, and the tensor where there is one. */
export function openWeights(folder: string): CheckpointTensors {
  const name = weightFileNames.find((candidate) => isPresentSync(join(folder, candidate)));
  if (name === undefined) {
    throw new AppError("INVALID_CHECKPOINT", `${folder} holds none of ${weightFileNames.join(", ")}`);
  }
  const path = join(folder, name);
  return name.endsWith(".index.json") ? openShards(folder, path) : openWeightFile(path);
}

function openShards(folder: string, indexPath: string): CheckpointTensors {
  const placement = inFile(indexPath, () => readShardIndex(readText(indexPath)));
  const shards = new Map([...new Set(placement.values())].map((file) => [file, openWeightFile(join(folder, file))]));
  const tensors = new Map<string, CheckpointTensor>();
  for (const [name, file] of placement) {
    const tensor = shards.get(file)?.get(name);
    if (tensor === undefined) {
      throw new AppError("INVALID_CHECKPOINT", `${indexPath}: weight_map says that "${name}" is in ${file}; it is not`);
    }
    tensors.set(name, tensor);
  }
  return tensors;
}

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/**
 * Tensor → file of a `*.index.json`. Throws an Error naming the field. A file's name must hold no path, so no index
 * reaches out of its folder.
 */
export function readShardIndex(json: string): Map<string, string> {
  const parsed = indexSchema.safeParse(parsePythonJson(json));
  if (!parsed.success) throw new Error("weight_map is not an object of file names");
  for (const file of Object.values(parsed.data.weight_map)) {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,120}\.(safetensors|bin)$/.test(file)) {
      throw new Error(`weight_map: ${JSON.stringify(file.slice(0, 150))} is no name of a weight file`);
    }
  }
  return new Map(Object.entries(parsed.data.weight_map));
}

function openWeightFile(path: string): CheckpointTensors {
  return inFile(path, () => {
    const bytes = readBytes(path);
    const file = { path, sizeBytes: bytes.length };
    const stored = path.endsWith(".bin") ? readTorchFile(bytes) : readSafetensors(bytes);
    return new Map([...stored].map(([name, tensor]) => [name, { ...tensor, file }]));
  });
}

function readSafetensors(bytes: Uint8Array): Map<string, StoredTensor> {
  const stored = (tensor: Tensor): StoredTensor => {
    const { dtype, shape, data } = tensor;
    return { dtype, shape, sizeBytes: data.byteLength, values: () => asFloat32(tensor) };
  };
  return new Map([...parseSafetensors(bytes).tensors].map(([name, tensor]) => [name, stored(tensor)]));
}

/** The architecture according to the tensors' names, for the first checkpoints, whose config.json does not state it. */
export function modelTypeOf(tensors: CheckpointTensors): ModelType | undefined {
  const names = [...tensors.keys()];
  if (names.some((name) => name.startsWith("mobilebert.") || name.includes(".bottleneck."))) return "mobilebert";
  if (names.some((name) => name.startsWith("roberta."))) return "roberta";
  return names.some((name) => name.startsWith("bert.")) ? "bert" : undefined;
}

/**
 * The encoder's weights alone, in float32, under their names without a prefix; a task's head is left out. Throws
 * INVALID_CHECKPOINT naming the file and the tensor that is missing, of another shape or dtype, or not finite.
 */
export function takeEncoderWeights(config: EncoderConfig, found: CheckpointTensors, folder: string): TensorFile {
  const tensors = new Map<string, Tensor>();
  const takenBytes = new Map<WeightFile, number>();
  for (const [name, shape] of encoderWeightShapes(config)) {
    const tensor = spellings(name, config.modelType)
      .map((spelling) => found.get(spelling))
      .find((candidate) => candidate !== undefined);
    if (tensor === undefined) throw new AppError("INVALID_CHECKPOINT", `${folder}: the weight "${name}" is missing`);
    const { file } = tensor;
    const data = inFile(file.path, () => {
      if (!weightDtypes.includes(tensor.dtype)) {
        throw new Error(`tensor "${name}" is ${tensor.dtype} where weights are needed; save the checkpoint as float32`);
      }
      if (!sameShape(tensor.shape, shape)) {
        throw new Error(`tensor "${name}" has shape [${tensor.shape}] where config.json asks for [${shape}]`);
      }
      // By views of one storage, a small file could ask for all memory. A head that is tied to the embeddings is not
      // taken and not counted.
      const taken = (takenBytes.get(file) ?? 0) + tensor.sizeBytes;
      takenBytes.set(file, taken);
      if (taken > file.sizeBytes) {
        throw new Error(
          `the weights up to "${name}" would take ${taken} bytes of its ${file.sizeBytes}: they share values; save each with its own`,
        );
      }
      const values = tensor.values()!;
      assertFinite(`tensor "${name}"`, values);
      return values;
    });
    tensors.set(name, { dtype: "F32", shape, data });
  }
  return { tensors, metadata: { format: "pt" } };
}

/**
 * A weight's possible names: with or without the prefix of a task's checkpoint, and with the norms' names
 * of the first releases.
 */
function spellings(name: string, modelType: ModelType): string[] {
  const older = name.replace(/LayerNorm\.weight$/, "LayerNorm.gamma").replace(/LayerNorm\.bias$/, "LayerNorm.beta");
  const prefix = weightPrefixes[modelType];
  return [...new Set([prefix + name, name, prefix + older, older])];
}

/** Throws an Error for a path that is no file, or a link to none: a pipe or a device would be read for ever. */
export function readBytes(path: string): Uint8Array {
  if (!statSync(path).isFile()) throw new Error("the path names no file");
  const { buffer, byteOffset, byteLength } = readFileSync(path);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * Reads a file of UTF-8. Removes a byte order mark unless `keepsMark`. Throws an Error as readBytes does, and for bytes
 * that are no text.
 */
export function readText(path: string, { keepsMark = false } = {}): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: keepsMark }).decode(readBytes(path));
}

/** Turns any error of `read` into one that names the file's path. */
export function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError("INVALID_CHECKPOINT", faultOf(path, cause as NodeJS.ErrnoException), { cause });
  }
}

function faultOf(path: string, error: NodeJS.ErrnoException): string {
  if (error.code === "ENOENT") return `${path} is missing`;
  if (error.code === "ERR_FS_FILE_TOO_LARGE") return `${path} is larger than 2 GiB; save the checkpoint in shards`;
  if (error instanceof SyntaxError) return `${path} is not JSON`;
  // JSON may be nested to any depth.
  if (error instanceof RangeError && error.message.includes("call stack")) return `${path} is nested too deeply`;
  // The message of a parser may name the file already.
  const { message } = error;
  const name = basename(path);
  return path + (message.startsWith(name) ? message.slice(name.length) : `: ${message}`);
}
