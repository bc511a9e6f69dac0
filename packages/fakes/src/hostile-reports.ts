// Reports of version 2 as a hostile device could send them: valid reports, and reports with one to three changes of
// value, text or bytes.

import type { Random } from "@attune/ml/tensor/random";
import { canonicalJson } from "@attune/shared/canonical-json";
import { createContracts, wireBody } from "@attune/shared/contracts/egress";
import type { Domain, Field, MessageDeclaration } from "@attune/shared/contracts/egress-declaration";

export const hostileDevice = "0123456789abcdef0123456789abcdef";
const epoch = "fedcba9876543210";
const contracts = createContracts();
const types = ["report.device", "report.state", "report.slot", "report.verdict"] as const;

type Fields = Record<string, unknown>;

interface Draft {
  readonly declaration: MessageDeclaration;
  fields: Fields;
  /** The body's text, once a change is about more than values. */
  text: string | undefined;
}

const oneOf = <T>(random: Random, items: readonly T[]): T => items[random.integer(items.length)]!;

/** The bytes of a report. About one in eight is valid as it is; any other may be valid by chance. */
export function hostileReport(random: Random): Uint8Array {
  const type = oneOf(random, types);
  const declaration = contracts.declaration(2, type)!;
  const draft: Draft = { declaration, fields: validFields(random, type, declaration), text: undefined };
  const changes = random.integer(8) === 0 ? 0 : 1 + random.integer(3);
  for (let i = 0; i < changes; i++) {
    if (random.integer(2) === 0 && draft.text === undefined) changeValue(random, draft);
    else changeText(random, draft);
  }
  const bytes = new TextEncoder().encode(textOf(draft));
  return changes > 0 && random.integer(6) === 0 ? changeBytes(random, bytes) : bytes;
}

function validFields(random: Random, type: string, { fields, together = [] }: MessageDeclaration): Fields {
  const isNull = random.integer(3) === 0;
  const ended = random.integer(6) === 0;
  const said = Object.entries(fields)
    .filter(([, { expires }]) => !(ended && expires !== undefined))
    .map(([name, field]) => [name, isNull && together.includes(name) ? null : validValue(random, name, field)]);
  return { ...Object.fromEntries(said), type, contract: 2 };
}

function validValue(random: Random, name: string, { domain }: Field): unknown {
  if (name === "device") return hostileDevice;
  if (name === "epoch") return epoch;
  return valueIn(random, domain);
}

function valueIn(random: Random, domain: Domain): unknown {
  switch (domain.kind) {
    case "enum":
      return oneOf(random, domain.values);
    case "bucket":
      return oneOf(random, domain.edges);
    case "quantized":
      return domain.minimum + domain.step * random.integer((domain.maximum - domain.minimum) / domain.step + 1);
    case "release":
      return oneOf(random, [0, 1, 65_535, random.integer(65_536)]);
    case "counter":
      return oneOf(random, [1, 2_147_483_647, 1 + random.integer(2_147_483_647)]);
    case "identity":
      return epoch;
  }
}

const hostileValues: readonly unknown[] = [
  ...[null, true, "", "3", "joy", "better ", "Better", "worse\u0000", "ﬁne", "😀", "she said yes", [], [20], {}],
  ...[-1, -6, 1, 3, 53, 55, 56, 99, 2.5, 0.1, 1e21, 1e308, 2 ** 31, 2 ** 53, -(2 ** 31), 65_536, 5e-324],
  ...["0123456789ABCDEF0123456789ABCDEF", "f".repeat(32), "f".repeat(33), { rightPrior: 20 }, "__proto__"],
];
const foreignNames = [
  ...["f1Prior", "f1Personal", "headKind", "utterances", "trainTime", "offset", "note", "slot", "verdict", "state"],
  ...["rightPrior", "__proto__", "constructor", "toString", "", "type ", "сontract", "ｓlot", "😀", "proof", "nonce"],
];
const versions: readonly unknown[] = [0, 1, 2, 3, 99, 1_002, -2, 2.5, "2", null, [2]];

/** Changes a value, so that the text stays canonical. */
function changeValue(random: Random, draft: Draft): void {
  const { fields, declaration } = draft;
  const name = oneOf(random, Object.keys(fields));
  const [half, other = half] = declaration.together ?? [];
  const changes: (() => Fields)[] = [
    () => ({ ...fields, [name]: oneOf(random, hostileValues) }),
    () => Object.fromEntries(Object.entries(fields).filter(([key]) => key !== name)),
    () => ({ ...fields, [oneOf(random, foreignNames)]: oneOf(random, hostileValues) }),
    () => ({ ...fields, contract: oneOf(random, versions) }),
    () => ({ ...fields, type: oneOf(random, [...types, "report.metrics", "report.statistics", "poll", "toString"]) }),
    () => (half === undefined ? fields : { ...fields, [oneOf(random, [half, other!])]: null }),
    () => ({ ...fields, [name]: numberBeside(random, fields[name]) }),
  ];
  draft.fields = oneOf(random, changes)();
}

function numberBeside(random: Random, value: unknown): unknown {
  return typeof value === "number" ? value + oneOf(random, [-2, -1, -0.5, 0.5, 1, 2, 2 ** 32]) : `${value}x`;
}

function textOf({ declaration, fields, text }: Draft): string {
  return text ?? wireBody(declaration, fields);
}

const blanks = [" ", "  ", "\t", "\n", "\r\n", "\u00a0", "\u2003", "\ufeff", "\u0000"];

/** Changes the text, so that a value may be written as no device writes it. */
function changeText(random: Random, draft: Draft): void {
  const text = textOf(draft);
  const json = text.trimEnd();
  const at = random.integer(text.length + 1);
  const entries = Object.entries(draft.fields).map(([name, value]) => `${canonicalJson(name)}:${canonicalJson(value)}`);
  const numbers = [".0", "e0", "E+0", "0", "00", ".00"];
  const changes: (() => string)[] = [
    () => json.padEnd(oneOf(random, [0, 319, 320, 321, 383, 384, 385, 1_024, 1_025])),
    () => json.padEnd(text.length, oneOf(random, ["\t", "\n", "x", "0", "\u00a0"])),
    () => text.slice(0, at) + oneOf(random, blanks) + text.slice(at),
    () => text.slice(0, at) + text.slice(at + 1),
    () => oneOf(random, blanks) + text.slice(1),
    () => json.replace("{", `{${oneOf(random, entries)},`).padEnd(text.length),
    () => json.replace(/\}$/, `,${oneOf(random, entries)}}`).padEnd(text.length),
    () => `{${shuffled(random, entries).join(",")}}`.padEnd(text.length),
    () => json.replace(/(\d)([,}])/, `$1${oneOf(random, numbers)}$2`).padEnd(text.length),
    () => json.replace(/:(\d)/, `:${oneOf(random, ["-", "+", "0", " "])}$1`).padEnd(text.length),
    () => json.replace(/[a-z]/, (letter) => `\\u00${letter.charCodeAt(0).toString(16)}`).padEnd(text.length),
    () => json.replace(/\}$/, oneOf(random, [",}", "}}", "}{}", "}\u0000", "}//", ""])).padEnd(text.length),
    () => `[${json}]`,
    () => oneOf(random, ["", " ", "null", "{}", "[]", "0", '"', "\ufeff"]).padEnd(oneOf(random, [0, 320, 384])),
  ];
  draft.text = oneOf(random, changes)();
}

function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const copy = [...items];
  random.shuffle(copy);
  return copy;
}

/** Changes single bytes, so that the body may be no text at all. */
function changeBytes(random: Random, bytes: Uint8Array): Uint8Array {
  const at = random.integer(bytes.length + 1);
  const inserted = oneOf(random, [[0xff], [0xc0, 0xa0], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80], [0xc3], [0x20]]);
  const changes: (() => Uint8Array)[] = [
    () => bytes.map((byte, i) => (i === at ? byte ^ (1 << random.integer(8)) : byte)),
    () => Uint8Array.of(...bytes.subarray(0, at), ...inserted, ...bytes.subarray(at)),
    () => bytes.subarray(0, at),
    () => Uint8Array.of(...bytes, ...bytes.subarray(at)),
  ];
  return oneOf(random, changes)();
}
