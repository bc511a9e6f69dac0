// Sends hostile messages to the egress gate, and keeps each that passes although its bytes are no exact message.

import { gate } from "@attune/edge-agent/core/egress/gate";
import { createRandom } from "@attune/ml/tensor/random";
import { createContracts, type MessageType } from "@attune/shared/contracts/egress";
import { exactBytes, hostileMessage, namedReleases } from "./hostile-messages.js";

interface HostileEnd {
  readonly passed: number;
  readonly refused: Readonly<Record<string, number>>;
  /** Bytes that passed and are no exact message, and errors: the gate answers and throws nothing. */
  readonly leaked: readonly string[];
  /** Exact messages that were refused. */
  readonly wronged: readonly string[];
}

export function sendHostileMessages(count: number, seed: number): HostileEnd {
  const random = createRandom(seed);
  const facts = { contracts: createContracts(), nowMs: 0, releases: namedReleases };
  const refused: Record<string, number> = {};
  const leaked: string[] = [];
  const wronged: string[] = [];
  let passed = 0;
  for (let i = 0; i < count; i++) {
    const { type, message, isExact } = hostileMessage(random);
    try {
      const result = gate(facts, type as MessageType, message);
      if (result.ok) {
        passed++;
        const text = new TextDecoder().decode(result.value.bytes);
        if (exactBytes(type, text) !== text) leaked.push(`${type} ${text}`);
      } else {
        refused[result.reason] = (refused[result.reason] ?? 0) + 1;
        if (isExact) wronged.push(`${type} ${result.detail}`);
      }
    } catch (error) {
      leaked.push(`${type} threw ${error}`);
    }
  }
  return { passed, refused, leaked, wronged };
}
