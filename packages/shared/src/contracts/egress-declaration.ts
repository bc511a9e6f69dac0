// The types in which an egress contract is declared: messages, their fields, and the finite domain of each
// field. This file also derives from a domain its schema, its number of values, its capacity in bits, and the
// value for a measurement.

import { z } from "zod";

/** The values a field may take. There is no free text, so there is nowhere to put an utterance. */
export type Domain =
  | { readonly kind: "enum"; readonly values: readonly string[] }
  /** A whole number on the grid minimum, minimum + step, … maximum. */
  | { readonly kind: "quantized"; readonly minimum: number; readonly maximum: number; readonly step: number }
  /** The largest of `edges` that is not above the measured value. */
  | { readonly kind: "bucket"; readonly edges: readonly number[] }
  /**
   * Random bits, created at enrolment or received from the server. They are the same in every message, so a message
   * says nothing new by them.
   */
  | { readonly kind: "identity"; readonly pattern: RegExp }
  /** One more than in the previous message, so it says nothing new. */
  | { readonly kind: "counter" }
  /**
   * The number of a release that the server signed and asked this device to run; 0 before the first. The gate
   * takes no other number.
   */
  | { readonly kind: "release" };

/**
 * `person`: computed from what the person said or labelled. `device`: measured on the device, never on utterances, and
 * the same for every person.
 * `known`: the server knows the value before it arrives.
 */
export type About = "person" | "device" | "known";

export interface Field {
  readonly domain: Domain;
  /** null means "too few samples for a value" and counts as one more value of the domain. */
  readonly nullable?: true;
  readonly unit?: string;
  /** The field's meaning and purpose, in a sentence that the person reads. */
  readonly meaning: string;
  /** Contract 1 does not say it. Every field counts as about the person there. */
  readonly about?: About;
  /** The day, as 2028-01-31, from which devices leave the field out. A field that the server knows already has none. */
  readonly expires?: string;
}

export type EgressPath = "trpc" | "https" | "nats";

export interface MessageDeclaration {
  readonly path: EgressPath;
  readonly purpose: string;
  /** Who reads it, how long it is kept, and which part of the product answers for it. */
  readonly reader?: string;
  readonly retention?: string;
  readonly owner?: string;
  /**
   * The device's key signs this prefix and the message, and the signature (Ed25519, 64 bytes) travels beside the
   * message. The signature is computed from these alone, so it says nothing new.
   */
  readonly signedUnder?: string;
  /** The length of every such message. Spaces after the message's JSON fill it. */
  readonly sizeBytes?: number;
  /** Nullable fields that are null together or not at all. They count as one field. */
  readonly together?: readonly string[];
  readonly fields: { readonly [name: string]: Field };
}

/** The limits of what devices say about a person. */
export interface PersonRules {
  /** One `report.slot` leaves in each slot, at a time drawn inside it beforehand. */
  readonly slotMs: number;
  /** The number of scored labels in a block. */
  readonly blockSize: number;
  /** A verdict leaves so long after the test of the release, however long the judgement took. */
  readonly verdictDelayMs: number;
  /** The pause between two releases that are judged on what the person said. */
  readonly verdictPauseMs: number;
  /** The most bits about the person in one slot. */
  readonly budgetBits: number;
}

/** A message that has its place and is refused until a later version of the contract lets it leave. */
export interface ReservedMessage {
  readonly purpose: string;
  readonly maxBytes: number;
  readonly minRows: number;
  readonly minDevices: number;
}

/** One version of the egress contract: each message that may leave a device, by its type. */
export interface EgressContract {
  readonly messages: { readonly [type: string]: MessageDeclaration };
  /** Absent in contract 1, which bounds single messages alone. */
  readonly person?: PersonRules;
  readonly reserved?: { readonly [type: string]: ReservedMessage };
}

/** Contracts by their version. */
export interface EgressContracts {
  readonly [version: number]: EgressContract;
}

/** The largest value of the database's integer columns; at one poll a second it lasts for 68 years. */
const maxCount = 2_147_483_647;
const maxRelease = 65_535;

/** JSON can write -0, which equals 0 in every comparison and has no canonical form. */
const isCanonical = (value: number) => !Object.is(value, -0);

export function domainSchema(domain: Domain): z.ZodType {
  switch (domain.kind) {
    case "enum":
      return z.enum(domain.values);
    case "identity":
      return z.string().regex(domain.pattern);
    case "counter":
      return z.int().min(1).max(maxCount);
    case "release":
      return z.int().min(0).max(maxRelease).refine(isCanonical);
    case "bucket":
      return z.literal([...domain.edges]).refine(isCanonical);
    case "quantized":
      return z
        .int()
        .min(domain.minimum)
        .max(domain.maximum)
        .refine(isCanonical)
        .refine((value) => (value - domain.minimum) % domain.step === 0, { error: `not a multiple of ${domain.step}` });
  }
}

/**
 * The number of values that a field can take, null included. It is a whole number, so every engine computes the same.
 */
export function domainSize({ domain, nullable }: Field): number {
  const extra = nullable ? 1 : 0;
  switch (domain.kind) {
    case "identity":
    case "counter":
    case "release":
      return 1;
    case "enum":
      return domain.values.length + extra;
    case "bucket":
      return domain.edges.length + extra;
    case "quantized":
      return Math.floor((domain.maximum - domain.minimum) / domain.step) + 1 + extra;
  }
}

/**
 * The sizes of a message's domains in the order of declaration, without the fields that say nothing new. Fields that
 * are null together count once, at the place of the first: as the product of their values, and one more value for null.
 */
export function domainSizes(
  { fields, together = [] }: MessageDeclaration,
  counts: (name: string, field: Field) => boolean = () => true,
): number[] {
  return Object.entries(fields)
    .filter(([name, field]) => counts(name, field) && !together.slice(1).includes(name))
    .map(([name, field]) =>
      name === together[0] ? jointSize(together.map((each) => fields[each]!)) : domainSize(field),
    )
    .filter((size) => size > 1);
}

/** The sizes of the domains that say something about the person, of the fields that `message` has. */
export function personSizes(declaration: MessageDeclaration, message: object = declaration.fields): number[] {
  return domainSizes(declaration, (name, { about = "person" }) => about === "person" && Object.hasOwn(message, name));
}

/** The sizes of the domains of the fields that this message has: without those whose last day is over. */
export function sentSizes(declaration: MessageDeclaration, message: object): number[] {
  return domainSizes(declaration, (name) => Object.hasOwn(message, name));
}

function jointSize(fields: readonly Field[]): number {
  return fields.reduce((product, field) => product * (domainSize(field) - 1), 1) + 1;
}

/**
 * The most information that values of these domains can carry together. Engines differ in log2, so no
 * hash covers this number.
 */
export function capacityBits(sizes: readonly number[]): number {
  return sizes.reduce((bits, size) => bits + Math.log2(size), 0);
}

/**
 * The nearest value of a quantized or bucketed domain; null where the number is not finite or lies outside the domain.
 */
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
