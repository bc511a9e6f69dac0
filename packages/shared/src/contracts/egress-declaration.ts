// The types in which an egress contract is declared: messages, their fields, and the finite domain of each field.
// This file also derives from a domain its schema, its number of values, its capacity in bits, and the value for a measurement.

import { z } from "zod";

/** The values a field may take. There is no free text, so there is nowhere to put an utterance. */
export type Domain =
  | { readonly kind: "enum"; readonly values: readonly string[] }
  /** A whole number on the grid minimum, minimum + step, … maximum. */
  | { readonly kind: "quantized"; readonly minimum: number; readonly maximum: number; readonly step: number }
  /** The largest of `edges` that is not above the measured value. */
  | { readonly kind: "bucket"; readonly edges: readonly number[] }
  /** Random bits, created at enrolment or received from the server. They are the same in every message, so a message says nothing new by them. */
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

/** One version of the egress contract: each message that may leave a device, by its type. */
export interface EgressContract {
  readonly [type: string]: MessageDeclaration;
}

/** Contracts by their version. */
export interface EgressContracts {
  readonly [version: number]: EgressContract;
}

/** The largest value of the database's integer columns; at one poll a second it lasts for 68 years. */
const largestCount = 2_147_483_647;

export function domainSchema(domain: Domain): z.ZodType {
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

/** The number of values that a field can take, null included. It is a whole number, so every engine computes the same. */
export function domainSize({ domain, nullable }: Field): number {
  const extra = nullable ? 1 : 0;
  switch (domain.kind) {
    case "identity":
    case "counter":
      return 1;
    case "enum":
      return domain.values.length + extra;
    case "bucket":
      return domain.edges.length + extra;
    case "quantized":
      return Math.floor((domain.maximum - domain.minimum) / domain.step) + 1 + extra;
  }
}

/** The sizes of a message's domains in the order of declaration, without the fields that say nothing new. */
export function domainSizes({ fields }: MessageDeclaration): number[] {
  return Object.values(fields)
    .map(domainSize)
    .filter((size) => size > 1);
}

/** The most information that values of these domains can carry together. Engines differ in log2, so no hash covers this number. */
export function capacityBits(sizes: readonly number[]): number {
  return sizes.reduce((bits, size) => bits + Math.log2(size), 0);
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
