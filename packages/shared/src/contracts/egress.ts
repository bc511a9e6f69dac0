// The egress contract as data: every message that may leave a device, every field of it, and each field's finite domain.
// The zod schemas, the capacity in bits, the page the person reads and the auditor's check all come from this declaration.

import { z } from "zod";
import { devicePattern, epochPattern } from "../subjects.js";
import { updateReasons, updateStates } from "./current-state.js";

export const egressContractVersion = 1;

/** The values a field may take. There is no free text, so there is nowhere to put an utterance. */
export type Domain =
  | { readonly kind: "enum"; readonly values: readonly string[] }
  /** A whole number on the grid minimum, minimum + step, … maximum. */
  | { readonly kind: "quantized"; readonly minimum: number; readonly maximum: number; readonly step: number }
  /** The largest of `edges` that is not above the measured value. */
  | { readonly kind: "bucket"; readonly edges: readonly number[] }
  /**
   * Random bits that are created at enrolment or received from the server. They are the same in every message, so a message says nothing new by them.
   */
  | { readonly kind: "identity"; readonly pattern: RegExp }
  /** One more than in the previous message, so it says nothing new. */
  | { readonly kind: "counter" };

export interface Field {
  readonly domain: Domain;
  /** null means "too few samples for a value" and counts as one more value of the domain. */
  readonly nullable?: true;
  readonly unit?: string;
  /** The field's meaning, in a sentence that the person reads. */
  readonly meaning: string;
}

export type EgressPath = "trpc" | "https" | "nats";

export interface MessageDeclaration {
  readonly path: EgressPath;
  readonly purpose: string;
  /**
   * The device's key signs this prefix and the message, and the signature (Ed25519, 64 bytes) travels beside the message.
   * The signature is computed from these alone, so it says nothing new.
   */
  readonly signedUnder?: string;
  readonly fields: { readonly [name: string]: Field };
}

const identity = (pattern: RegExp) => ({ kind: "identity", pattern }) as const;
const quantized = (minimum: number, maximum: number, step: number) =>
  ({ kind: "quantized", minimum, maximum, step }) as const;

/** The largest value of the database's integer columns; at one poll a second it lasts for 68 years. */
const largestCount = 2_147_483_647;
const countEdges = [0, 10, 25, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;
const latencyEdges = [0, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000] as const;
const durationEdges = [0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000] as const;

const device = { domain: identity(devicePattern), meaning: "The device's random number, drawn at enrolment." } as const;
const epoch = {
  domain: identity(epochPattern),
  meaning: "A random number drawn when this copy of the device's store was created.",
} as const;
const sequence = { domain: { kind: "counter" }, meaning: "How many messages of this kind came before." } as const;
const releaseSequence = {
  domain: quantized(0, 65_535, 1),
  meaning: "Which release the device runs; 0 before the first.",
} as const;
const engine = {
  domain: { kind: "enum", values: ["reference", "wasm", "native"] },
  meaning: "Which of the product's engines computes the features.",
} as const;
const state = {
  domain: { kind: "enum", values: updateStates },
  meaning: "Where the device stands with an update.",
} as const;
const reason = { domain: { kind: "enum", values: updateReasons }, meaning: "Why an update ended as it did." } as const;
const f1 = (which: string) =>
  ({
    domain: quantized(0, 100, 1),
    nullable: true,
    unit: "percent",
    meaning: `Weighted F1 of the ${which} head on the device's own hold-out; left empty below 20 utterances.`,
  }) as const;

export const egressContract = {
  enrol: {
    path: "trpc",
    purpose: "Joins the fleet, once.",
    signedUnder: "attune:enrol:1\n",
    fields: {
      token: { domain: identity(/^[0-9a-f]{48}$/), meaning: "The one-time token that the fleet manager gave out." },
      nkey: {
        domain: identity(/^U[A-Z2-7]{55}$/),
        meaning: "The public half of the device's key; the secret half stays.",
      },
      epoch,
      deviceKind: {
        domain: { kind: "enum", values: ["jetson", "linux", "phone"] },
        meaning: "What sort of device it is.",
      },
      engine,
      memory: {
        domain: { kind: "bucket", edges: [0, 512, 1_024, 2_048, 4_096, 8_192, 16_384] },
        unit: "MiB",
        meaning: "How much memory it has, roughly.",
      },
    },
  },
  poll: {
    path: "trpc",
    purpose: "Asks which release the device should run and says which it runs.",
    signedUnder: "attune:poll:2\n",
    fields: { device, epoch, sequence, releaseSequence, state, reason },
  },
  download: {
    path: "https",
    purpose: "Fetches a release's manifest or a piece of it, by its hash.",
    fields: {
      what: { domain: { kind: "enum", values: ["manifests", "chunks"] }, meaning: "A manifest or a piece of a file." },
      sha256: {
        domain: identity(/^[0-9a-f]{64}$/),
        meaning: "The hash that the server itself named in the target state or in a signed manifest.",
      },
      offset: {
        domain: quantized(0, 262_144, 4_096),
        unit: "bytes",
        meaning: "From where to go on after an interruption.",
      },
    },
  },
  "report.metrics": {
    path: "nats",
    purpose: "Says how well and how fast the device recognises, in coarse numbers.",
    fields: {
      device,
      epoch,
      sequence,
      releaseSequence,
      engine,
      headKind: {
        domain: { kind: "enum", values: ["linear", "elm", "oselm"] },
        meaning: "Which kind of head answers.",
      },
      utterances: {
        domain: { kind: "bucket", edges: countEdges },
        meaning: "How many utterances the head learned from.",
      },
      holdout: { domain: { kind: "bucket", edges: countEdges }, meaning: "How many utterances it was tested on." },
      f1Prior: f1("prior"),
      f1Personal: f1("personal"),
      predictP50: {
        domain: { kind: "bucket", edges: latencyEdges },
        nullable: true,
        unit: "µs",
        meaning: "Median time of a prediction, over fixed sentences of nobody's.",
      },
      predictP90: {
        domain: { kind: "bucket", edges: latencyEdges },
        nullable: true,
        unit: "µs",
        meaning: "90th percentile of it.",
      },
      trainTime: {
        domain: { kind: "bucket", edges: durationEdges },
        nullable: true,
        unit: "ms",
        meaning: "Time of the last training.",
      },
    },
  },
  "report.state": {
    path: "nats",
    purpose: "Says how an update went.",
    fields: { device, epoch, sequence, releaseSequence, state, reason },
  },
} as const satisfies { readonly [type: string]: MessageDeclaration };

export type MessageType = keyof typeof egressContract;

/**
 * A broker may ask a device to sign a text of this pattern, to recognise the device.
 * No answer to a challenge passes for a signed message: each message's prefix holds a colon and a line feed, which the pattern excludes.
 */
export const challengePattern = /^[A-Za-z0-9_-]{1,64}$/;

/** The bytes that the device's key signs for a message. `message` is the message's canonical JSON. */
export function signedBytes(type: "enrol" | "poll", message: Uint8Array): Uint8Array<ArrayBuffer> {
  const prefix = new TextEncoder().encode(egressContract[type].signedUnder);
  const bytes = new Uint8Array(prefix.length + message.length);
  bytes.set(prefix);
  bytes.set(message, prefix.length);
  return bytes;
}

type Value<F extends Field> =
  | (F["domain"] extends { kind: "enum"; values: readonly (infer V)[] }
      ? V
      : F["domain"] extends { kind: "identity" }
        ? string
        : number)
  | (F extends { nullable: true } ? null : never);

/** The TypeScript type of a message, derived from its declaration. */
export type Message<T extends MessageType> = T extends MessageType
  ? MessageOf<T, (typeof egressContract)[T]["fields"]>
  : never;

type MessageOf<T, Fields> = { [name in keyof Fields]: Fields[name] extends Field ? Value<Fields[name]> : never } & {
  type: T;
  contract: typeof egressContractVersion;
};

export interface MessageSchema<T extends MessageType> {
  parse(value: unknown): Message<T>;
  safeParse(value: unknown): { success: true; data: Message<T> } | { success: false; error: z.ZodError };
}

/** The strict zod schema of a message: unknown fields, values off the grid, NaN and infinities are refused. */
export function messageSchema<T extends MessageType>(type: T): MessageSchema<T> {
  return schemas[type] as unknown as MessageSchema<T>;
}

function deriveSchema(type: MessageType) {
  const shape: Record<string, z.ZodType> = { type: z.literal(type), contract: z.literal(egressContractVersion) };
  for (const [name, field] of fieldsOf(type)) {
    const schema = domainSchema(field.domain);
    shape[name] = field.nullable ? schema.nullable() : schema;
  }
  return z.strictObject(shape);
}

function domainSchema(domain: Domain): z.ZodType {
  switch (domain.kind) {
    case "enum":
      return z.enum(domain.values);
    case "identity":
      return z.string().regex(domain.pattern);
    case "counter":
      return z.int().min(1).max(largestCount);
    case "bucket":
      return z.literal([...domain.edges]);
    case "quantized":
      return z
        .int()
        .min(domain.minimum)
        .max(domain.maximum)
        .refine((value) => (value - domain.minimum) % domain.step === 0, { error: `not a multiple of ${domain.step}` });
  }
}

/** The fields of a message in the order of their declaration. */
export function fieldsOf(type: MessageType): (readonly [string, Field])[] {
  return Object.entries<Field>(egressContract[type].fields);
}

/** log2 of the number of values that a field can take: the most information that one message can carry in this field. */
export function fieldCapacityBits({ domain, nullable }: Field): number {
  const extra = nullable ? 1 : 0;
  switch (domain.kind) {
    case "identity":
    case "counter":
      return 0;
    case "enum":
      return Math.log2(domain.values.length + extra);
    case "bucket":
      return Math.log2(domain.edges.length + extra);
    case "quantized":
      return Math.log2(Math.floor((domain.maximum - domain.minimum) / domain.step) + 1 + extra);
  }
}

export function messageCapacityBits(type: MessageType): number {
  return fieldsOf(type).reduce((sum, [, field]) => sum + fieldCapacityBits(field), 0);
}

/** The nearest value of a quantized or bucketed domain; null where the number is not finite or lies outside the domain. */
export function quantize(domain: Domain, value: number): number | null {
  if (!Number.isFinite(value)) return null;
  if (domain.kind === "bucket") {
    let chosen = domain.edges[0] ?? 0;
    for (const edge of domain.edges) if (edge <= value) chosen = edge;
    return chosen;
  }
  if (domain.kind === "quantized") {
    const clamped = Math.min(domain.maximum, Math.max(domain.minimum, value));
    return domain.minimum + Math.round((clamped - domain.minimum) / domain.step) * domain.step;
  }
  return null;
}

const schemas = Object.fromEntries(
  (Object.keys(egressContract) as MessageType[]).map((type) => [type, deriveSchema(type)]),
) as Record<MessageType, ReturnType<typeof deriveSchema>>;
