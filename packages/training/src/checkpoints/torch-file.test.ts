// Reads PyTorch's files to the same values as safetensors, and refuses each harmful file by name.

import { readFileSync } from "node:fs";
import {
  dict,
  dictOf,
  global,
  int,
  long,
  pickle,
  storage,
  string,
  tensor,
  text,
  tuple,
  zipOf,
} from "@attune/fakes/torch-file";
import { createRandom } from "@attune/ml/tensor/random";
import { getFloat32, parseSafetensors } from "@attune/ml/tensor/safetensors";
import { describe, expect, test } from "vitest";
import { readTorchFile } from "./torch-file.js";

const read = (name: string) =>
  new Uint8Array(readFileSync(new URL(`../../../../test/golden/checkpoint/${name}`, import.meta.url)));
const original = parseSafetensors(read("model.safetensors"));

describe("what PyTorch saved", () => {
  test.each([
    ["as a zip", "pytorch_model.bin"],
    ["as pickles, before version 1.6", "pytorch_model-legacy.bin"],
    ["as parameters and a transposed view", "pytorch_model-views.bin"],
  ])("%s is read to the same bits as its safetensors", (_, name) => {
    const tensors = readTorchFile(read(name));
    expect([...tensors.keys()].sort()).toEqual([...original.tensors.keys()].sort());
    for (const [tensorName, { shape, values }] of tensors) {
      expect(values(), tensorName).toEqual(getFloat32(original, tensorName, shape));
    }
  });

  test("in bfloat16 is read to within its 8 bits", () => {
    for (const [name, { values }] of readTorchFile(read("pytorch_model-bfloat16.bin"))) {
      for (const [i, value] of getFloat32(original, name).entries()) {
        expect(Math.abs(values()![i]! - value)).toBeLessThanOrEqual(Math.abs(value) / 256);
      }
    }
  });
});

/** A view with its "neg" bit, as PyTorch pickles it. */
const negated = [
  ...global("torch._utils", "_rebuild_tensor_v2"),
  ...tuple(storage(int(4)), int(0), tuple(int(2)), tuple(int(1)), [0x89], [0x7d], [0x7d, ...string("neg"), 0x88, 0x73]),
  0x52,
];
const square = { shape: tuple(int(2), int(2)), stride: tuple(int(2), int(1)) };
const sixteen = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
/** 64 entries, all at the offset of the first. Only reading their bytes could refute the checksums. */
const names = Array.from({ length: 64 }, (_, i) => `m/data/${String(i).padStart(2, "0")}`);
const sharing = zipOf(
  Object.fromEntries(names.map((name, i) => [name, sixteen.map((byte) => byte ^ i)])),
  Object.fromEntries(names.slice(1).map((name) => [name, { offset: 0 }])),
);
const archive = (data: Uint8Array, stored = sixteen) => zipOf({ "m/data.pkl": data, "m/data/0": stored });

test("reads the pickles and zips written here, so that what follows fails for its own reason", () => {
  const tensors = readTorchFile(archive(dict("w", tensor(square))));
  expect([...tensors.get("w")!.values()!]).toEqual([1, 2, 3, 4]);
  const turned = { ...square, stride: tuple(int(1), int(2)) };
  expect([
    ...readTorchFile(archive(dict("w", tensor(turned))))
      .get("w")!
      .values()!,
  ]).toEqual([1, 3, 2, 4]);
});

test("reads a file with tensors of every type beside its weights", () => {
  const untyped = (dtype: string) => [
    ...global("torch._utils", "_rebuild_tensor_v3"),
    ...tuple(
      [
        ...tuple(string("storage"), global("torch.storage", "UntypedStorage"), string("0"), string("cpu"), int(16)),
        0x51,
      ],
      int(0),
      tuple(int(8)),
      tuple(int(1)),
      [0x89],
      [0x7d],
      global("torch", dtype),
    ),
    0x52,
  ];
  const sparse = [...global("torch._utils", "_rebuild_sparse_tensor"), ...tuple(global("torch", "sparse_coo")), 0x52];
  const others = {
    complex: tensor({ ...square, storage: storage(int(2), "ComplexFloatStorage") }),
    quantized: tensor({ ...square, storage: storage(int(16), "QInt8Storage") }),
    uint16: untyped("uint16"),
    float8: untyped("float8_e4m3fn"),
    sparse,
  };
  const tensors = readTorchFile(archive(dictOf({ ...others, w: tensor(square) })));
  expect([...tensors.get("w")!.values()!]).toEqual([1, 2, 3, 4]);
  expect([...tensors].map(([name, { dtype }]) => [name, dtype])).toEqual([
    ["complex", "C64"],
    ["quantized", "QInt8"],
    ["uint16", "torch.uint16"],
    ["float8", "torch.float8_e4m3fn"],
    ["sparse", "torch._utils._rebuild_sparse_tensor"],
    ["w", "F32"],
  ]);
  for (const name of Object.keys(others)) expect(tensors.get(name)!.values()).toBeUndefined();
});

describe("a pickle with code in it is refused by the name of what it would call", () => {
  const shell = [...global("posix", "system"), ...tuple(string("echo executed")), 0x52];
  test.each<[string, Uint8Array, string]>([
    ["the one Python writes for os.system", read("pytorch_model-hostile.bin"), "the pickle names posix.system"],
    ["in place of the dict", archive(pickle(shell)), "posix.system, which is refused"],
    ["as a value", archive(dict("w", shell)), "posix.system, which is refused"],
    ["eval", archive(dict("w", [...global("builtins", "eval"), ...tuple(string("1"))])), "builtins.eval"],
    ["by STACK_GLOBAL", archive(pickle(string("nt"), string("system"), [0x93])), "nt.system"],
    ["of a class of torch that runs code", archive(pickle(global("torch.jit", "load"))), "torch.jit.load"],
    ["by INST", archive(pickle([0x28, 0x69, ...text("os\nsystem\n")])), "opcode 0x69 at byte 3"],
    ["by NEWOBJ", archive(pickle([0x81])), "opcode 0x81"],
    ["of an extension's code", archive(pickle([0x82, 1])), "opcode 0x82"],
    ["with control characters in its name", archive(pickle(global("os\u001b[2J", "x"))), "names os?[2J.x"],
    [
      "that calls a storage",
      archive(pickle(global("torch", "FloatStorage"), [0x29, 0x52])),
      "calls torch.FloatStorage",
    ],
    ["that sets attributes of a tensor", archive(dict("w", [...tensor(square), 0x7d, 0x62])), "attributes are set"],
  ])("%s", (_, bytes, message) => {
    expect(() => readTorchFile(bytes)).toThrow(message);
  });
});

describe("a tensor that its storage does not hold is refused", () => {
  const values = (bytes: Uint8Array) => () => readTorchFile(bytes).get("w")!.values();
  test.each<[string, Uint8Array, string]>([
    [
      "a value past the end",
      archive(dict("w", tensor({ ...square, offset: int(1) }))),
      "reaches past its storage of 4",
    ],
    [
      "10^12 values out of one",
      archive(dict("w", tensor({ shape: tuple(int(1e6), int(1e6)), stride: tuple(int(0), int(0)) }))),
      "[1000000,1000000] reaches past its storage of 4",
    ],
    [
      "a storage of 2^60 values",
      archive(dict("w", tensor({ ...square, storage: storage(long(2n ** 53n - 1n)) }))),
      "has 16 bytes where",
    ],
    ["fewer bytes than values", archive(dict("w", tensor(square)), sixteen.subarray(4)), "has 12 bytes where 16"],
    ["a storage that is not there", zipOf({ "m/data.pkl": dict("w", tensor(square)) }), "its storage 0 is missing"],
  ])("%s", (_, bytes, message) => {
    expect(values(bytes)).toThrow(message);
  });

  test.each<[string, number[], string]>([
    ["a size beyond every memory", tensor({ ...square, storage: storage(long(2n ** 60n)) }), "not a whole"],
    ["a negative offset", tensor({ ...square, offset: int(-1) }), "not a whole, non-negative"],
    ["a negative stride", tensor({ ...square, stride: tuple(int(-2), int(1)) }), "not a whole, non-negative"],
    ["strides of another length", tensor({ ...square, stride: tuple(int(1)) }), "differ in length"],
    ["no storage", tensor({ ...square, storage: int(1) }), "built of no storage"],
    ["a type that is none", tensor({ ...square, storage: storage(int(4), "OddStorage") }), "torch.OddStorage"],
    ["a negated view", negated, "a view with other values than its storage"],
  ])("%s", (_, value, message) => {
    expect(() => readTorchFile(archive(dict("w", value)))).toThrow(message);
  });
});

describe("a container that is not what it should be is refused", () => {
  const good = dict("w", tensor(square));
  const files = { "m/data.pkl": good, "m/data/0": sixteen };
  const bomb = { method: 8, size: 2 ** 31 };
  test.each<[string, Uint8Array, string]>([
    ["nothing", new Uint8Array(0), "no file of torch.save"],
    ["text", text("<html>not found</html>"), "no file of torch.save"],
    ["a pickle of something else", pickle(int(5)), "no file of torch.save"],
    ["a zip of something else", zipOf({ "word/document.xml": sixteen }), "does not hold one data.pkl"],
    ["compressed, growing to 2 GiB", zipOf(files, { "m/data/0": bomb }), '"m/data/0" is compressed'],
    ["an entry longer than the file", zipOf(files, { "m/data/0": { size: 17 } }), '"m/data/0" is compressed'],
    ["two entries in one place", zipOf(files, { "m/data/0": { offset: 0 } }), '"m/data/0"'],
    ["many entries on the same bytes", sharing, "overlaps the entry before it"],
    ["an encrypted entry", zipOf(files, { "m/data/0": { flags: 1 } }), "is encrypted"],
    ["big-endian", zipOf({ ...files, "m/byteorder": text("big") }), "byteorder is not little"],
    ["a list", archive(pickle([0x5d])), "does not hold a dict"],
    [
      "an endless pickle",
      new Uint8Array(4_000_003).fill(0x4e).fill(0x80, 0, 1).fill(2, 1, 2),
      "more than 4000000 steps",
    ],
    ["text that is none", archive(pickle([0x58, 1, 0, 0, 0, 0xff])), "the pickle's text at byte 7 is not UTF-8"],
    ["an endless memo", archive(pickle([0x68, 9])), "entry 9 of its memory"],
    ["a pickle without an end", archive(good.subarray(0, -1)), "the pickle is truncated"],
    ["text longer than the file", archive(pickle([0x58, 255, 255, 255, 255])), "the pickle is truncated"],
  ])("%s", (_, bytes, message) => {
    expect(() => readTorchFile(bytes)).toThrow(message);
  });

  test.each(["pytorch_model.bin", "pytorch_model-legacy.bin"])("%s cut short anywhere", (name) => {
    const bytes = read(name);
    for (let length = 0; length < bytes.length; length += 97) {
      expect(() => {
        for (const { values } of readTorchFile(bytes.subarray(0, length)).values()) values();
      }).toThrow(Error);
    }
  });

  test.each(["pytorch_model.bin", "pytorch_model-legacy.bin"])("%s damaged anywhere, or read as it stands", (name) => {
    const original = read(name);
    const random = createRandom(8);
    for (let i = 0; i < 500; i++) {
      const bytes = original.slice();
      // The pickle lies at the front, the zip's directory at the end.
      const at = [random.integer(6000), bytes.length - 1 - random.integer(5000), random.integer(bytes.length)][i % 3]!;
      bytes[at] = random.integer(256);
      let refused: unknown;
      try {
        for (const { values } of readTorchFile(bytes).values()) values();
      } catch (error) {
        refused = error;
      }
      // Every refusal is an Error with a message; a RangeError or TypeError would be an accident.
      if (refused !== undefined) expect((refused as Error).constructor, String(refused)).toBe(Error);
    }
  });

  test("a bit flipped in a zip's values", () => {
    const bytes = archive(good);
    bytes[bytes.indexOf(0x80, 120)]! ^= 1;
    expect(() => readTorchFile(bytes)).toThrow("its checksum differs");
  });
});
