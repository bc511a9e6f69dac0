// Golden vectors: a release counts as working once the device's own engine reproduces the features of these token ids.

import { z } from "zod";
import { fromBase64, toBase64, utf8 } from "../encoding.js";
import { accept, type Result, refuse } from "../result.js";

/** A vector's features are off by at most so much in the engine that is tested. */
const toleranceSchema = z.number().positive().max(0.1);
const idsSchema = z.array(z.int().min(0)).min(1);
const maxVectors = 64;

/** The first form: every feature as a decimal. */
const golden1Schema = z.strictObject({
  version: z.literal(1),
  tolerance: toleranceSchema,
  vectors: z
    .array(z.strictObject({ ids: idsSchema, features: z.array(z.number()).min(1) }))
    .min(1)
    .max(maxVectors),
});

/**
 * The compact form: a feature is a whole number of steps, in 16 bits, little end first; a vector's features are base64.
 */
const golden2Schema = z.strictObject({
  version: z.literal(2),
  tolerance: toleranceSchema,
  step: z.number().positive().max(1),
  vectors: z
    .array(z.strictObject({ ids: idsSchema, features: z.base64().min(4) }))
    .min(1)
    .max(maxVectors),
});

export interface Golden {
  readonly tolerance: number;
  readonly vectors: readonly { readonly ids: readonly number[]; readonly features: readonly number[] }[];
}

export interface ReadGolden extends Golden {
  readonly version: 1 | 2;
}

const maxSteps = 32_767;
/** The exponent of the finest step. */
const finestStep = -14;
/** A step must be so much finer than the tolerance that rounding to steps changes no verdict that matters. */
const minStepsInTolerance = 8;

/** Reads golden.json in either form. The detail of a refusal names the file and the field at fault. */
export function readGolden(bytes: Uint8Array): Result<ReadGolden, "malformed"> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return refuse("malformed", "golden.json: the content is not JSON");
  }
  const parsed = z.discriminatedUnion("version", [golden1Schema, golden2Schema]).safeParse(value);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    return refuse("malformed", `golden.json: ${path.join(".") || "its fields"}: ${message}`);
  }
  const golden = parsed.data;
  if (golden.version === 1) return accept(golden);
  const { version, tolerance, step } = golden;
  const vectors = golden.vectors.map(({ ids, features }) => ({ ids, features: unpack(features, step) }));
  const odd = vectors.findIndex(({ features }) => features === undefined);
  if (odd >= 0)
    return refuse("malformed", `golden.json: vectors.${odd}.features: the bytes are not whole 16-bit numbers`);
  return accept({ version, tolerance, vectors: vectors as Golden["vectors"] });
}

/** The first form, which every device reads. */
export function plainGolden({ tolerance, vectors }: Golden): Uint8Array {
  const decimals = vectors.map(({ ids, features }) => ({
    ids,
    features: features.map((x) => Number(x.toFixed(6)) + 0),
  }));
  return encode({ version: 1, tolerance, vectors: decimals });
}

/** The compact form; undefined for vectors whose features are too large for 16 bits at their tolerance. */
export function compactGolden({ tolerance, vectors }: Golden): Uint8Array | undefined {
  const largest = vectors.reduce((most, { features }) => features.reduce((m, x) => Math.max(m, Math.abs(x)), most), 0);
  // A power of two scales without rounding, and small differences between machines do not change the step.
  const step = 2 ** Math.min(0, Math.max(finestStep, Math.ceil(Math.log2(largest / maxSteps))));
  if (!(step * maxSteps >= largest && step * minStepsInTolerance <= tolerance)) return undefined;
  return encode({
    version: 2,
    tolerance,
    step,
    vectors: vectors.map(({ ids, features }) => ({ ids, features: pack(features, step) })),
  });
}

function pack(features: readonly number[], step: number): string {
  const bytes = new DataView(new ArrayBuffer(2 * features.length));
  for (const [i, feature] of features.entries()) bytes.setInt16(2 * i, Math.round(feature / step), true);
  return toBase64(new Uint8Array(bytes.buffer));
}

function unpack(text: string, step: number): number[] | undefined {
  const { buffer, byteLength } = fromBase64(text);
  if (byteLength % 2 !== 0) return undefined;
  const bytes = new DataView(buffer);
  return Array.from({ length: byteLength / 2 }, (_, i) => bytes.getInt16(2 * i, true) * step);
}

function encode(value: unknown): Uint8Array {
  return utf8(`${JSON.stringify(value)}\n`);
}
