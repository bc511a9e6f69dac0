// The egress gate: pure. A message passes only when it is exactly what the contract of its version declares.

import { canonicalJson } from "@attune/shared/canonical-json";
import type { ContractFault, Contracts, Message, MessageType } from "@attune/shared/contracts/egress";
import { chunkPath, manifestPath } from "@attune/shared/contracts/release";
import { reportLimitBytes } from "@attune/shared/contracts/report";
import { accept, type Result, refuse } from "@attune/shared/result";

export type GateReason = ContractFault | "tooLarge";

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

/** The detail names fields, never values: a value might be the very content that must not be repeated. */
export function gate<T extends MessageType>(
  contracts: Contracts,
  type: T,
  message: unknown,
): Result<Gated<T>, GateReason> {
  const judged = contracts.judge(type, message);
  if (!judged.ok) {
    const { reason, issues } = judged;
    return refuse(reason, issues.length === 0 ? faults[reason] : `${type}: ${namedFields(issues)}`);
  }
  const text = wireText(type, judged.value);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > reportLimitBytes) return refuse("tooLarge", `${type}: ${bytes.length} bytes`);
  return accept({ type, message: Object.freeze(judged.value), bytes } as unknown as Gated<T>);
}

function wireText(type: MessageType, message: Message<MessageType>): string {
  if (type !== "download") return canonicalJson(message);
  const { what, sha256 } = message as Message<"download">;
  return what === "chunks" ? chunkPath(sha256) : manifestPath(sha256);
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
