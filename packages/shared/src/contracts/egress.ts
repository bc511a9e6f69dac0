// The egress contracts, by version: every message that may leave a device. A message names its version, and version and
// type select its schema. Parts that judge messages take the versions that they know as an argument.

import { z } from "zod";
import { canonicalJson } from "../canonical-json.js";
import { dayMs } from "../time.js";
import { egressContract1 } from "./egress-1.js";
import { demoContract2, egressContract2 } from "./egress-2.js";
import {
  domainSchema,
  type EgressContract,
  type EgressContracts,
  type Field,
  type MessageDeclaration,
  type PersonRules,
} from "./egress-declaration.js";
import { chunkPath, manifestPath } from "./release.js";

/** A version that was once used stays here unchanged, because outboxes, journals and databases hold its messages. */
export const egressContracts = { 1: egressContract1, 2: egressContract2 } as const satisfies EgressContracts;

/** The version that a demonstration speaks. */
export const demoContract = 1_002;
/**
 * The versions in a demonstration. A release of a demonstration is refused everywhere else, as one
 * of an unknown version.
 */
export const demoContracts: EgressContracts = { ...egressContracts, [demoContract]: demoContract2 };

/** The version that a device speaks before its first release. Its person agrees to this version by enrolling. */
export const firstContract = 1;

type Versions = typeof egressContracts;
type Declared = { [V in keyof Versions]: Versions[V]["messages"] };
type ContractVersion = keyof Declared;
export type MessageType = { [V in ContractVersion]: keyof Declared[V] }[ContractVersion];

type Value<F extends Field> =
  | (F["domain"] extends { kind: "enum"; values: readonly (infer V)[] }
      ? V
      : F["domain"] extends { kind: "identity" }
        ? string
        : number)
  | (F extends { nullable: true } ? null : never);

type MessageOf<T, V, Fields> = { [name in keyof Fields]: Fields[name] extends Field ? Value<Fields[name]> : never } & {
  type: T;
  contract: V;
};

/** The TypeScript type of a message, derived from the declaration of each version that has it. */
export type Message<T extends MessageType, V extends ContractVersion = ContractVersion> = V extends ContractVersion
  ? T extends keyof Declared[V]
    ? Declared[V][T] extends { fields: infer Fields }
      ? MessageOf<T, V, Fields>
      : never
    : never
  : never;

/**
 * `unknownContract`: the message has a version that is not known here.
 * `unknownType`: the message's version declares no such message, or not for this way.
 * `notInContract`: a field differs from its declaration.
 */
export type ContractFault = "unknownContract" | "unknownType" | "notInContract";

export type Judged<M> =
  | { readonly ok: true; readonly value: M }
  | { readonly ok: false; readonly reason: ContractFault; readonly issues: readonly z.core.$ZodIssue[] };

/** The versions that one party knows, and everything that is derived from them. */
export interface Contracts {
  /** In ascending order. */
  readonly versions: readonly number[];
  readonly newest: number;
  /** Undefined where the version does not exist, or has no message of this type. */
  declaration(version: number, type: string): MessageDeclaration | undefined;
  /** The version's limits of what is said about a person; undefined where it has none. */
  rules(version: number): PersonRules | undefined;
  /** Whether `version` may say more about a person than `agreed`, which the person has agreed to. */
  saysMore(version: number, agreed: number): boolean;
  /**
   * Accepts a message as its version declares this type, and refuses unknown fields, values off the
   * grid, NaN and infinities.
   */
  judge<T extends MessageType>(type: T, value: unknown): Judged<Message<T>>;
}

export function createContracts(declared: EgressContracts = egressContracts): Contracts {
  const versions = Object.keys(declared)
    .map(Number)
    .sort((x, y) => x - y);
  const schemas = new Map(
    versions.flatMap((version) =>
      Object.entries(declared[version]?.messages ?? {}).map(
        ([type, declaration]) => [`${version} ${type}`, messageSchema(version, type, declaration)] as const,
      ),
    ),
  );
  return {
    versions,
    newest: versions.at(-1) ?? firstContract,
    declaration(version, type) {
      const messages = declared[version]?.messages;
      return messages !== undefined && Object.hasOwn(messages, type) ? messages[type] : undefined;
    },
    rules: (version) => declared[version]?.person,
    saysMore(version, agreed) {
      if (version <= agreed) return false;
      const weekly = weeklyBits(declared[version]);
      return weekly === Number.POSITIVE_INFINITY || weekly > weeklyBits(declared[agreed]);
    },
    judge(type, value) {
      const version = versionSchema.safeParse(value);
      if (!version.success) return { ok: false, reason: "notInContract", issues: version.error.issues };
      const { contract } = version.data;
      if (!versions.includes(contract)) return { ok: false, reason: "unknownContract", issues: [] };
      const known = schemas.get(`${contract} ${type}`);
      if (known === undefined) return { ok: false, reason: "unknownType", issues: [] };
      const parsed = known.safeParse(value);
      if (!parsed.success) return { ok: false, reason: "notInContract", issues: parsed.error.issues };
      return { ok: true, value: parsed.data as never };
    },
  };
}

const weekMs = 7 * dayMs;

/** The most bits about a person in a week; infinite where the contract bounds single messages alone. */
export function weeklyBits(contract: EgressContract | undefined): number {
  if (contract?.person === undefined) return Number.POSITIVE_INFINITY;
  const { budgetBits, slotMs } = contract.person;
  return budgetBits * (weekMs / slotMs);
}

/** The versions from the oldest to the newest named, both included. */
export function contractsWithin(
  declared: EgressContracts,
  { oldest, newest }: { readonly oldest: number; readonly newest: number },
): EgressContracts {
  return Object.fromEntries(
    Object.entries(declared).filter(([version]) => Number(version) >= oldest && Number(version) <= newest),
  );
}

/** Reads the version alone and strips every other field; the version's own schema then judges them. */
const versionSchema = z.object({ contract: z.int().min(1) });

function messageSchema(version: number, type: string, { fields, together = [] }: MessageDeclaration): z.ZodType {
  const shape: Record<string, z.ZodType> = { type: z.literal(type), contract: z.literal(version) };
  for (const [name, { domain, nullable, expires }] of Object.entries(fields)) {
    const value = nullable ? domainSchema(domain).nullable() : domainSchema(domain);
    // Devices leave the field out after its last day.
    shape[name] = expires === undefined ? value : value.optional();
  }
  const message = z.strictObject(shape);
  if (together.length === 0) return message;
  const formOf = (value: unknown) => (value === undefined || value === null ? value : "given");
  return message.refine((value) => new Set(together.map((name) => formOf(value[name]))).size === 1, {
    error: `null or left out together or not at all: ${together.join(", ")}`,
    path: [together[0]!],
  });
}

/** A message on the wire: a download's path, or the canonical JSON, filled with spaces up to the declared length. */
export function wireBody({ sizeBytes = 0 }: MessageDeclaration, message: object): string {
  const { type, what, sha256 } = message as Partial<Message<"download">>;
  if (type === "download") return what === "chunks" ? chunkPath(sha256!) : manifestPath(sha256!);
  return canonicalJson(message).padEnd(sizeBytes, " ");
}

/**
 * A broker may ask a device to sign a text of this pattern, to recognise the device. No answer to a challenge passes
 * for a signed message: each message's prefix holds a colon and a line feed, which the pattern excludes.
 */
export const challengePattern = /^[A-Za-z0-9_-]{1,64}$/;

/**
 * The bytes that the device's key signs for a message whose canonical JSON is `message`: its declaration's
 * prefix, then the message.
 */
export function signedBytes({ signedUnder }: MessageDeclaration, message: Uint8Array): Uint8Array<ArrayBuffer> {
  if (signedUnder === undefined) throw new TypeError("the contract declares no signature for this message");
  const prefix = new TextEncoder().encode(signedUnder);
  const bytes = new Uint8Array(prefix.length + message.length);
  bytes.set(prefix);
  bytes.set(message, prefix.length);
  return bytes;
}
