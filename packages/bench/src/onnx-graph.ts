// Writes ONNX files: a graph of nodes and constants as protocol buffers. Format: github.com/onnx/onnx, onnx.proto; only
// the fields used here.

export const types = { float: 1, uint8: 2, int8: 3, int32: 6, int64: 7 } as const;

/** The domain of ONNX Runtime's own operators: github.com/microsoft/onnxruntime, docs/ContribOperators.md. */
export const microsoft = "com.microsoft";

/** In protocol buffers, a field is a key (number and wire type), then a varint or a length and bytes. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function whole(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function part(field: number, value: Buffer | string): Buffer {
  const bytes = typeof value === "string" ? Buffer.from(value) : value;
  return Buffer.concat([varint(field * 8 + 2), varint(bytes.length), bytes]);
}

type Attribute = number[] | number | { readonly float: number };

function attribute(name: string, value: Attribute): Buffer {
  if (Array.isArray(value)) {
    return Buffer.concat([part(1, name), ...value.map((item) => signed(8, item)), whole(20, 7)]);
  }
  if (typeof value === "number") return Buffer.concat([part(1, name), signed(3, value), whole(20, 2)]);
  const float = Buffer.alloc(4);
  float.writeFloatLE(value.float);
  return Buffer.concat([part(1, name), varint(2 * 8 + 5), float, whole(20, 1)]);
}

/** Negative whole numbers are ten bytes of two's complement. */
function signed(field: number, value: number): Buffer {
  if (value >= 0) return whole(field, value);
  const bytes: number[] = [];
  for (let rest = BigInt.asUintN(64, BigInt(value)); ; rest >>= 7n) {
    if (rest < 128n) return Buffer.concat([varint(field * 8), Buffer.from([...bytes, Number(rest)])]);
    bytes.push(Number(rest & 127n) + 128);
  }
}

type Values = Float32Array | Uint8Array | Int8Array | BigInt64Array;

/** Options for an operator of the standard, or of a domain with outputs of its own. */
export interface NodeOptions {
  readonly attributes?: Record<string, Attribute>;
  readonly domain?: string;
  readonly outputs?: number;
}

interface GraphInput {
  readonly name: string;
  readonly type: number;
}

export function createGraph() {
  const nodes: Buffer[] = [];
  const initializers: Buffer[] = [];
  let names = 0;

  function constant(data: Values, dims: readonly number[]): string {
    const name = `c${names++}`;
    const type = typeOf(data);
    const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    const shape = dims.map((size) => whole(1, size));
    initializers.push(part(5, Buffer.concat([...shape, whole(2, type), part(8, name), part(9, raw)])));
    return name;
  }

  /** Returns the outputs' names; an input "" is left out. */
  function nodeOf(type: string, inputs: readonly string[], { attributes = {}, domain, outputs = 1 }: NodeOptions = {}) {
    const results = Array.from({ length: outputs }, () => `v${names++}`);
    const fields = [
      ...inputs.map((name) => part(1, name)),
      ...results.map((name) => part(2, name)),
      part(4, type),
      ...Object.entries(attributes).map(([name, value]) => part(5, attribute(name, value))),
      ...(domain === undefined ? [] : [part(7, domain)]),
    ];
    nodes.push(part(1, Buffer.concat(fields)));
    return results;
  }

  const node = (type: string, inputs: readonly string[], options?: NodeOptions) => nodeOf(type, inputs, options)[0]!;
  const scalar = (value: number) => constant(Float32Array.of(value), []);

  /** The file: every input is (1, tokens), the output (1, features). */
  function finish(inputs: readonly GraphInput[], output: string): Buffer {
    const info = (field: number, { name, type }: GraphInput, dims: readonly (number | string)[]) => {
      const shape = dims.map((size) => part(1, typeof size === "string" ? part(2, size) : whole(1, size)));
      const tensor = Buffer.concat([whole(1, type), part(2, Buffer.concat(shape))]);
      return part(field, Buffer.concat([part(1, name), part(2, part(1, tensor))]));
    };
    const graph = Buffer.concat([
      ...nodes,
      part(2, "bert"),
      ...initializers,
      ...inputs.map((input) => info(11, input, [1, "tokens"])),
      info(12, { name: output, type: types.float }, [1, "features"]),
    ]);
    const opset = (domain: string, version: number) => part(8, Buffer.concat([part(1, domain), whole(2, version)]));
    return Buffer.concat([whole(1, 8), part(7, graph), opset("", 17), opset(microsoft, 1)]);
  }

  return { constant, node, nodeOf, scalar, finish };
}

function typeOf(data: Values): number {
  if (data instanceof Float32Array) return types.float;
  if (data instanceof Int8Array) return types.int8;
  return data instanceof Uint8Array ? types.uint8 : types.int64;
}
