// The step between "may leave" and "leaves": the journal's write. Cleared messages, which transports take, are made
// here and nowhere else.

import type { MessageType } from "@attune/shared/contracts/egress";
import type { ReportType } from "@attune/shared/contracts/report";
import type { Cleared } from "../ports.js";
import type { Gated } from "./gate.js";

/** Clears messages once their entries, which `journal` writes, are on the disk. */
export async function clear<T extends MessageType>(
  messages: readonly Gated<T>[],
  journal: () => Promise<void>,
): Promise<Cleared<T>[]> {
  await journal();
  return messages as readonly unknown[] as Cleared<T>[];
}

/** A report that was journalled and put into the outbox in one batch, read back from there. */
export function clearedBefore(report: Gated<ReportType>): Cleared<ReportType> {
  return report as unknown as Cleared<ReportType>;
}
