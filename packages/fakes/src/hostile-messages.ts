// Messages of an adversary inside the agent: exact messages, and exact messages with a few changes that might carry
// something past the gate.

import type { Random } from "@attune/ml/tensor/random";
import { egressContracts } from "@attune/shared/contracts/egress";
import type { Domain, Field, MessageDeclaration } from "@attune/shared/contracts/egress-declaration";

export const namedReleases = [0, 3, 7] as const;
const maxCount = 2_147_483_647;

interface HostileMessage {
  readonly type: string;
  readonly message: unknown;
  /** Whether the message is exact and sent as its own type. */
  readonly isExact: boolean;
}

type Fields = Record<string, unknown>;

const kinds = Object.entries(egressContracts).flatMap(([contract, { messages }]) =>
  Object.entries<MessageDeclaration>(messages).map(([type, declaration]) => ({
    type,
    contract: Number(contract),
    declaration,
  })),
);

export function hostileMessage(random: Random): HostileMessage {
  const { type, contract, declaration } = pick(random, kinds);
  const fields = exactMessage(random, { type, contract, declaration });
  const changes = random.integer(4);
  for (let change = 0; change < changes; change++) pick(random, changers)(random, fields);
  const message = changes > 0 && random.integer(20) === 0 ? wrapped(random, fields) : fields;
  const sentAs = random.integer(50) === 0 ? pick(random, kinds).type : type;
  return { type: sentAs, message, isExact: changes === 0 && sentAs === type };
}

function exactMessage(
  random: Random,
  { type, contract, declaration: { fields, together = [] } }: (typeof kinds)[number],
): Fields {
  const message: Fields = { type, contract };
  const isNull = random.integer(3) === 0;
  for (const [name, field] of Object.entries(fields)) {
    message[name] = isNull && together.includes(name) ? null : exactValue(random, field);
  }
  return message;
}

function exactValue(random: Random, { domain }: Field): unknown {
  switch (domain.kind) {
    case "enum":
      return pick(random, domain.values);
    case "bucket":
      return pick(random, domain.edges);
    case "counter":
      return 1 + random.integer(maxCount);
    case "release":
      return pick(random, namedReleases);
    case "quantized":
      return domain.minimum + domain.step * random.integer((domain.maximum - domain.minimum) / domain.step + 1);
    case "identity":
      return exactIdentity(random, domain.pattern);
  }
}

/** The patterns are of 16 to 64 digits, of an nkey, or of a UUID's length of digits. */
function exactIdentity(random: Random, pattern: RegExp): string {
  const digits = (count: number) => Array.from({ length: count }, () => random.integer(16).toString(16)).join("");
  const letters = `U${Array.from({ length: 55 }, () => pick(random, [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"])).join("")}`;
  const found = [digits(16), digits(32), digits(48), digits(64), letters].find((text) => pattern.test(text));
  if (found === undefined) throw new Error(`no text for ${pattern}`);
  return found;
}

const words = [
  "so happy today",
  "joy",
  "",
  " ",
  "better ",
  "better\n",
  "Better",
  "bettеr",
  "constructor",
  "__proto__",
  "１２",
];
const oddNumbers = [-0, 0, -1, 1, 2, 0.5, 1e-7, 3.0000000001, 53, 55, 65_536, 2 ** 31, 2 ** 53, -(2 ** 31), 1e308];
const noNumbers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5n, "5", "0x5", new Number(5)];
const oddObjects = () => [
  {},
  [],
  ["better"],
  new String("better"),
  { toString: () => "better", valueOf: () => 2 },
  { toJSON: () => "so happy today" },
  () => "better",
  new Date(0),
  new Map([["a", 1]]),
  Symbol("better"),
];

function oddValue(random: Random): unknown {
  const choices = [words, oddNumbers, noNumbers, oddObjects(), [undefined, null, true, false]];
  return pick<unknown>(random, pick<readonly unknown[]>(random, choices));
}

function put(fields: Fields, name: string, value: unknown): void {
  Object.defineProperty(fields, name, { value, enumerable: true, configurable: true, writable: true });
}

type Changer = (random: Random, fields: Fields) => void;

const changers: readonly Changer[] = [
  (random, fields) => {
    put(fields, pick(random, Object.keys(fields)), oddValue(random));
  },
  (random, fields) => {
    delete fields[pick(random, Object.keys(fields))];
  },
  (random, fields) => {
    const name = pick(random, [...words, "note", "toJSON", "constructor", "0", "slot", "verdict", "trainTime"]);
    put(fields, name, oddValue(random));
  },
  (random, fields) => {
    const name = pick(random, Object.keys(fields));
    const value = fields[name];
    if (typeof value === "number") put(fields, name, value + pick(random, [-2, -1, -0.5, 1e-9, 0.5, 1, 2]));
    if (typeof value !== "string") return;
    put(fields, name, pick(random, [`${value} `, `${value}\n`, value.slice(1), value.toUpperCase()]));
  },
  (random, fields) => {
    put(
      fields,
      "contract",
      pick<unknown>(random, [0, 1, 2, 3, 1_002, 1.5, "2", [2], { valueOf: () => 2 }, Symbol("2"), 2n]),
    );
  },
  (random, fields) => {
    put(fields, "releaseSequence", pick(random, [1, 2, 4, 42, 65_535]));
  },
  // A field that answers the first question with one value and the next with another.
  (random, fields) => {
    const name = pick(random, Object.keys(fields));
    const [first, later] = [fields[name], oddValue(random)];
    let asked = 0;
    Object.defineProperty(fields, name, {
      get: () => (asked++ === 0 ? first : later),
      enumerable: true,
      configurable: true,
    });
  },
  (random, fields) => {
    Object.defineProperty(fields, Symbol("note"), { value: pick(random, words), enumerable: true, configurable: true });
  },
];

/** The message as another kind of object, or as no object. */
function wrapped(random: Random, fields: Fields): unknown {
  return pick<() => unknown>(random, [
    () => [fields],
    () => Object.create(fields),
    () => Object.assign([], fields),
    () => Object.assign(new Map(), fields),
    () => new Proxy(fields, { get: (target, name) => Reflect.get(target, name) }),
    () => null,
    () => undefined,
    () => "so happy today",
    () => 5,
    () => Object.assign(() => fields, fields),
  ])();
}

function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.integer(values.length)]!;
}

/** The bytes of an exact message, by no schema of the product: undefined where `text` is none. */
export function exactBytes(type: string, text: string): string | undefined {
  if (type === "download") return /^\/v1\/(manifests|chunks)\/[0-9a-f]{64}$/.test(text) ? text : undefined;
  const message = JSON.parse(text) as Fields;
  const kind = kinds.find((known) => known.type === type && known.contract === message.contract);
  if (kind === undefined || message.type !== type) return undefined;
  const { fields, together = [], sizeBytes = 0 } = kind.declaration;
  const names = ["contract", "type", ...Object.keys(fields)].sort();
  if (JSON.stringify(Object.keys(message)) !== JSON.stringify(names)) return undefined;
  if (!Object.entries(fields).every(([name, field]) => isInDomain(field, message[name]))) return undefined;
  if (new Set(together.map((name) => message[name] === null)).size > 1) return undefined;
  return JSON.stringify(message).padEnd(sizeBytes);
}

function isInDomain({ domain, nullable }: Field, value: unknown): boolean {
  return (nullable === true && value === null) || isValueOf(domain, value);
}

function isValueOf(domain: Domain, value: unknown): boolean {
  if (domain.kind === "enum") return domain.values.some((word) => word === value);
  if (domain.kind === "identity")
    return typeof value === "string" && new RegExp(`^(?:${domain.pattern.source})$`).test(value);
  if (typeof value !== "number" || Object.is(value, -0)) return false;
  switch (domain.kind) {
    case "bucket":
      return domain.edges.includes(value);
    case "counter":
      return Number.isInteger(value) && value >= 1 && value <= maxCount;
    case "release":
      return namedReleases.some((release) => release === value);
    case "quantized":
      return (
        value >= domain.minimum && value <= domain.maximum && Number.isInteger((value - domain.minimum) / domain.step)
      );
  }
}
