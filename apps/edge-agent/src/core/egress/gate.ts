// The egress gate: pure. A message passes when it is exactly what the egress contract declares, and in no other case.

import { canonicalJson } from "@attune/shared/canonical-json";
import { egressContract, type Message, type MessageType, messageSchema } from "@attune/shared/contracts/egress";
import { chunkPath, manifestPath } from "@attune/shared/contracts/release";
import { reportLimitBytes } from "@attune/shared/contracts/report";
import { accept, type Result, refuse } from "@attune/shared/result";
import type { Cleared } from "../ports.js";

export type GateReason = "unknownType" | "notInContract" | "tooLarge";

/** The detail names fields, never values: a value might be the very thing that must not be repeated. */
export function gate<T extends MessageType>(type: T, message: unknown): Result<Cleared<T>, GateReason> {
  if (!Object.hasOwn(egressContract, type)) return refuse("unknownType", "no such message in the egress contract");
  const parsed = messageSchema(type).safeParse(message);
  if (!parsed.success) return refuse("notInContract", `${type}: ${namedFields(parsed.error.issues)}`);
  const text = wireText(type, parsed.data);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > reportLimitBytes) return refuse("tooLarge", `${type}: ${bytes.length} bytes`);
  return accept({ type, message: Object.freeze(parsed.data), bytes } as unknown as Cleared<T>);
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
