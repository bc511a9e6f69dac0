// The egress gate: pure. A message passes only when it is exactly what the contract of its version declares.

import {
  type ContractFault,
  type Contracts,
  type Message,
  type MessageType,
  wireBody,
} from "@attune/shared/contracts/egress";
import type { MessageDeclaration } from "@attune/shared/contracts/egress-declaration";
import { reportLimitBytes } from "@attune/shared/contracts/report";
import { accept, type Result, refuse } from "@attune/shared/result";

type GateReason = ContractFault | "tooLarge";

declare const gatedBrand: unique symbol;

/** A message that the gate let pass. It may be journalled; it may leave only after that, as a `Cleared`. */
export interface Gated<T extends MessageType = MessageType> {
  readonly [gatedBrand]: T;
  readonly type: T;
  readonly message: Message<T>;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const faults: Readonly<Record<ContractFault, string>> = {
  unknownContract: "this agent knows no such version of the egress contract",
  unknownType: "no such message in the egress contract",
  notInContract: "not as the egress contract declares",
};

/** The gate's own knowledge, whoever made the message. */
interface GateFacts {
  readonly contracts: Contracts;
  readonly nowMs: number;
  /** The releases that the server has signed and asked this device to run; 0 stands for none. */
  readonly releases: readonly number[];
}

/**
 * Judges a new message. A field whose last day is over does not leave. The detail names fields, never values: a value
 * might be the very content that must not be repeated.
 */
export function gate<T extends MessageType>(facts: GateFacts, type: T, message: unknown): Result<Gated<T>, GateReason> {
  const { contracts } = facts;
  const said = ownFields(message);
  const declaration = contracts.declaration(said.contract as number, type);
  const judged = contracts.judge(type, declaration === undefined ? said : withoutEnded(declaration, said, facts));
  if (!judged.ok) {
    const { reason, issues } = judged;
    return refuse(reason, issues.length === 0 ? faults[reason] : `${type}: ${namedFields(issues)}`);
  }
  const wrong = wrongFields(declaration!, judged.value, facts);
  if (wrong.length > 0) return refuse("notInContract", `${type}: ${wrong.join(", ")}`);
  return pack(contracts, type, judged.value);
}

/**
 * The bytes of a message that is in its contract. A message read back from the outbox passes here alone: it was judged
 * when it was made.
 */
export function pack<T extends MessageType>(
  contracts: Contracts,
  type: T,
  message: Message<T>,
): Result<Gated<T>, GateReason> {
  const bytes = new TextEncoder().encode(wireBody(contracts.declaration(message.contract, type)!, message));
  if (bytes.length > reportLimitBytes) return refuse("tooLarge", `${type}: ${bytes.length} bytes`);
  return accept({ type, message: Object.freeze(message), bytes } as unknown as Gated<T>);
}

const hasEnded = (expires: string | undefined, nowMs: number): boolean =>
  expires !== undefined && nowMs >= Date.parse(expires);

/** Reads each field once, so that the value that is judged is the value that leaves. */
function ownFields(message: unknown): Readonly<Record<string, unknown>> {
  if (typeof message !== "object" || message === null || Array.isArray(message)) return {};
  return Object.fromEntries(Object.entries(message));
}

function withoutEnded({ fields }: MessageDeclaration, said: object, { nowMs }: GateFacts): unknown {
  return Object.fromEntries(Object.entries(said).filter(([name]) => !hasEnded(fields[name]?.expires, nowMs)));
}

/** A field left out before its last day, or a release that the server never named, would be one more thing to say. */
function wrongFields(
  { fields }: MessageDeclaration,
  message: Readonly<Record<string, unknown>>,
  { nowMs, releases }: GateFacts,
): string[] {
  return Object.entries(fields)
    .filter(([name, { domain, expires }]) => {
      const value = message[name];
      if (value === undefined) return !hasEnded(expires, nowMs);
      return domain.kind === "release" && !releases.includes(value as number);
    })
    .map(([name]) => name);
}

interface Issue {
  readonly code: string;
  readonly path: readonly PropertyKey[];
  readonly keys?: readonly string[];
}

function namedFields(issues: readonly Issue[]): string {
  return issues
    .map(({ code, path, keys }) =>
      code === "unrecognized_keys" ? `${keys?.length ?? 0} undeclared fields` : path.map(String).join(".") || "(whole)",
    )
    .join(", ");
}
