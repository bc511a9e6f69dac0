// An encoder's tensors in the order and form in which the C kernels take them, a few rows at a time.
// Names and shapes are checked before any kernel sees a tensor; values are checked as they are handed over.

import { attentionWidth, type EncoderConfig, type MobileBertConfig } from "../encoder/config.js";
import type { EmbeddingTable, LayerNorm } from "../encoder/layers.js";
import { asFloat32, type EncoderWeights, encoderWeights, type WeightRows } from "../encoder/weights.js";
import { MlError } from "../error.js";
import type { TensorFile } from "../tensor/safetensors.js";

/** The numbers of the slots are those of `packages/ml/kernels/encoder/encoder.h`, in its order. */
const slots = [
  ...(["words", "positions", "types", "embeddingNorm", "transformation"] as const),
  ...(["query", "key", "value", "attentionOutput", "attentionNorm", "intermediate", "output", "outputNorm"] as const),
  ...(["into", "intoNorm", "shared", "sharedNorm", "outOf", "outOfNorm"] as const),
];
type Slot = (typeof slots)[number];
const biasSlots = 32;
const formats = ["float32", "int8", "float16"] as const satisfies EmbeddingTable["kind"][];
type Format = (typeof formats)[number];

/** Rows of one tensor. A vector has one row; a norm has two (weight, bias). */
export interface KernelTensor {
  readonly slot: number;
  /** The layer, or the feed-forward network, counted over all layers. */
  readonly layer: number;
  readonly rows: number;
  readonly cols: number;
  /** The size of one row, its scale included. */
  readonly rowBytes: number;
  /** Rows [first, first + count), valid until the next rows are read. Throws `not-finite`. */
  read(first: number, count: number): KernelRows;
}

/** `scales` has one scale per row and is present exactly when the values are int8. */
export interface KernelRows {
  readonly values: Float32Array | Int8Array | Uint16Array;
  readonly scales?: Float32Array;
}

export interface KernelWeights {
  /** The format of the linear weights. With int8, activations will be quantized. */
  readonly format: Format;
  /** The formats of the tables of words, positions and types. */
  readonly tableFormats: readonly Format[];
  readonly tensors: readonly KernelTensor[];
}

/**
 * Linear layers stay int8 or float16 where all of them have that format. A file that mixes formats
 * is computed in float32.
 * Throws as `createEncoder` does.
 */
export function kernelWeights(config: EncoderConfig, file: TensorFile): KernelWeights {
  const { hiddenSize } = config;
  const list = createList(encoderWeights(file, `${config.modelType}.`));
  const wordWidth = config.modelType === "mobilebert" ? config.embeddingSize : hiddenSize;
  const tables = [
    list.table("embeddings.word_embeddings", "words", [config.vocabSize, wordWidth]),
    list.table("embeddings.position_embeddings", "positions", [config.maxPositionEmbeddings, hiddenSize]),
    list.table("embeddings.token_type_embeddings", "types", [config.typeVocabSize, hiddenSize]),
  ];
  list.norm("embeddings.LayerNorm", ["embeddingNorm", 0], hiddenSize);
  if (config.modelType === "mobilebert") listMobileBert(list, config);
  else listBert(list, config);
  return { ...list.finish(), tableFormats: tables.map(({ kind }) => kind) };
}

/**
 * Hands every tensor to `load`, at most `roomBytes` of it at a time (or one row). `load` returns the kernel's code.
 * So a file that is read piece by piece is never in memory as a whole beside the kernels' copy.
 * Throws `not-finite`, or `shape` for a code that is not 0.
 */
export function loadTensors(
  { tensors }: KernelWeights,
  roomBytes: number,
  load: (tensor: KernelTensor, first: number, rows: KernelRows) => number,
): void {
  for (const tensor of tensors) {
    const most = Math.max(1, Math.floor(roomBytes / tensor.rowBytes));
    for (let first = 0; first < tensor.rows; first += most) {
      const code = load(tensor, first, tensor.read(first, Math.min(most, tensor.rows - first)));
      if (code === 0) continue;
      throw new MlError(
        "shape",
        `The encoder's kernel refused tensor ${tensor.slot} of layer ${tensor.layer} (code ${code})`,
      );
    }
  }
}

/** A tensor's destination: its slot and layer. */
type Place = readonly [slot: Slot, layer: number];
type Sizes = readonly [inFeatures: number, outFeatures: number];

interface TensorList {
  table(name: string, slot: Slot, [rows, cols]: readonly [number, number]): WeightRows;
  norm(name: string, place: Place, size: number): void;
  linear(name: string, place: Place, sizes: Sizes): void;
  /** Adds `<name>.dense` and `<name>.LayerNorm`. */
  normed(name: string, places: readonly [Slot, Slot, number], sizes: Sizes): void;
  finish(): { format: Format; tensors: KernelTensor[] };
}

function createList(weights: EncoderWeights): TensorList {
  const tensors: KernelTensor[] = [];
  const linears: { stored: WeightRows; place: Place }[] = [];

  function norm(name: string, place: Place, size: number): void {
    // The config passes epsilon to the kernels.
    tensors.push(normTensor(weights.layerNorm(name, size, 0), place));
  }

  function linear(name: string, place: Place, [inFeatures, outFeatures]: Sizes): void {
    linears.push({ stored: weights.rows(name, outFeatures, inFeatures), place });
    const slot = slots.indexOf(place[0]) + biasSlots;
    tensors.push(smallTensor(weights.bias(name, outFeatures), { slot, layer: place[1], cols: outFeatures }));
  }

  return {
    table(name, slot, [rows, cols]) {
      const stored = weights.rows(name, rows, cols);
      tensors.push(storedTensor(stored, [slot, 0]));
      return stored;
    },
    norm,
    linear,
    normed(name, [slot, normSlot, layer], sizes) {
      linear(`${name}.dense`, [slot, layer], sizes);
      norm(`${name}.LayerNorm`, [normSlot, layer], sizes[1]);
    },
    finish() {
      const format = formats.find((kind) => linears.every(({ stored }) => stored.kind === kind)) ?? "float32";
      for (const { stored, place } of linears) {
        tensors.push(storedTensor(stored.kind === format ? stored : inFloat32(stored), place));
      }
      return { format, tensors };
    },
  };
}

function listBert(list: TensorList, { hiddenSize: h, intermediateSize, numHiddenLayers }: EncoderConfig): void {
  for (let layer = 0; layer < numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    for (const part of ["query", "key", "value"] as const) {
      list.linear(`${name}.attention.self.${part}`, [part, layer], [h, h]);
    }
    list.normed(`${name}.attention.output`, ["attentionOutput", "attentionNorm", layer], [h, h]);
    list.linear(`${name}.intermediate.dense`, ["intermediate", layer], [h, intermediateSize]);
    list.normed(`${name}.output`, ["output", "outputNorm", layer], [intermediateSize, h]);
  }
}

function listMobileBert(list: TensorList, config: MobileBertConfig): void {
  const { hiddenSize, intermediateSize, embeddingSize, trigramInput, numFeedforwardNetworks: networks } = config;
  const width = attentionWidth(config);
  const { attention } = mobileBertParts(config);
  if (trigramInput || embeddingSize !== hiddenSize) {
    const inputSize = trigramInput ? 3 * embeddingSize : embeddingSize;
    list.linear("embeddings.embedding_transformation", ["transformation", 0], [inputSize, hiddenSize]);
  }
  for (let layer = 0; layer < config.numHiddenLayers; layer++) {
    const name = `encoder.layer.${layer}`;
    if (config.useBottleneck) {
      list.normed(`${name}.bottleneck.input`, ["into", "intoNorm", layer], [hiddenSize, width]);
      list.normed(`${name}.output.bottleneck`, ["outOf", "outOfNorm", layer], [width, hiddenSize]);
    }
    if (attention === "shared") {
      list.normed(`${name}.bottleneck.attention`, ["shared", "sharedNorm", layer], [hiddenSize, width]);
    }
    list.linear(`${name}.attention.self.query`, ["query", layer], [width, width]);
    list.linear(`${name}.attention.self.key`, ["key", layer], [width, width]);
    const valueWidth = config.useBottleneckAttention ? width : hiddenSize;
    list.linear(`${name}.attention.self.value`, ["value", layer], [valueWidth, width]);
    list.normed(`${name}.attention.output`, ["attentionOutput", "attentionNorm", layer], [width, width]);
    for (let i = 0; i < networks; i++) {
      const network = i === networks - 1 ? name : `${name}.ffn.${i}`;
      const index = layer * networks + i;
      list.linear(`${network}.intermediate.dense`, ["intermediate", index], [width, intermediateSize]);
      list.normed(`${network}.output`, ["output", "outputNorm", index], [intermediateSize, width]);
    }
  }
}

/**
 * The argument of encoder_size and encoder_init: AttuneConfig, 21 words, the last two of
 * them float32. Throws `unsupported`.
 */
export function kernelConfig(
  config: EncoderConfig,
  { format, tableFormats }: Omit<KernelWeights, "tensors">,
  rows: number,
): Uint8Array {
  const activation = (["gelu", "gelu_new", "relu"] as const).indexOf(config.hiddenAct);
  if (activation < 0) {
    throw new MlError("unsupported", `The kernels do not compute hidden_act ${config.hiddenAct}`);
  }
  const { hiddenSize, layerNormEps } = config;
  const mobile = config.modelType === "mobilebert" ? mobileBertParts(config) : undefined;
  const words = Int32Array.of(
    config.vocabSize,
    hiddenSize,
    config.numHiddenLayers,
    config.numAttentionHeads,
    config.intermediateSize,
    config.maxPositionEmbeddings,
    config.typeVocabSize,
    activation,
    formats.indexOf(format),
    ...tableFormats.map((table) => formats.indexOf(table)),
    rows,
    config.modelType === "roberta" ? config.padTokenId : -1,
    ...(mobile?.words ?? [hiddenSize, hiddenSize, 1, 0, 0]),
    0,
    0,
  );
  new Float32Array(words.buffer).set([layerNormEps, mobile?.otherEpsilon ?? layerNormEps], words.length - 2);
  return new Uint8Array(words.buffer);
}

/** PyTorch's default, which two of MobileBERT's norms keep in the reference. */
const defaultEpsilon = 1e-5;

/** The fields embedding_size, width, feed_forwards, flags and attention of AttuneConfig. */
function mobileBertParts(config: MobileBertConfig) {
  const { useBottleneck, useBottleneckAttention, keyQuerySharedBottleneck } = config;
  const outside = keyQuerySharedBottleneck ? "shared" : "input";
  const attention = useBottleneck && !useBottleneckAttention ? outside : "inside";
  const flags =
    (config.trigramInput ? 1 : 0) | (useBottleneck ? 2 : 0) | (config.normalizationType === "no_norm" ? 4 : 0);
  const source = ["inside", "input", "shared"].indexOf(attention);
  const words = [config.embeddingSize, attentionWidth(config), config.numFeedforwardNetworks, flags, source];
  return { attention, words, otherEpsilon: defaultEpsilon };
}

const bytesPerValue = { float32: 4, float16: 2, int8: 1 } as const satisfies Record<Format, number>;
const scaleBytes = 4;

function storedTensor(stored: WeightRows, [slot, layer]: Place): KernelTensor {
  const { kind, rows, cols } = stored;
  return {
    slot: slots.indexOf(slot),
    layer,
    rows,
    cols,
    rowBytes: cols * bytesPerValue[kind] + scaleBytes,
    read(first, count) {
      const table = stored.read(first, count);
      return table.kind === "int8" ? { values: table.data, scales: table.scale } : { values: table.data };
    },
  };
}

function inFloat32({ rows, cols, read }: WeightRows): WeightRows {
  const widened = (table: EmbeddingTable): EmbeddingTable => ({ ...table, kind: "float32", data: asFloat32(table) });
  return { kind: "float32", rows, cols, read: (first, count) => widened(read(first, count)) };
}

function normTensor({ weight, bias }: LayerNorm, [slot, layer]: Place): KernelTensor {
  const values = new Float32Array(2 * weight.length);
  values.set(weight);
  values.set(bias, weight.length);
  return smallTensor(values, { slot: slots.indexOf(slot), layer, cols: weight.length });
}

function smallTensor(values: Float32Array, place: Pick<KernelTensor, "slot" | "layer" | "cols">): KernelTensor {
  const { cols } = place;
  const read = (first: number, count: number) => ({ values: values.subarray(first * cols, (first + count) * cols) });
  return { ...place, rows: values.length / cols, rowBytes: cols * bytesPerValue.float32 + scaleBytes, read };
}
