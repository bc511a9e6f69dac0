// Records the newest version of the egress contract that the person agrees to.

import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import type { Context } from "../agent-state.js";
import { putConsent } from "../egress/consent.js";

/** Throws INVALID_INPUT for an unknown version. */
export async function agree(
  { ports, agentState, egress, contracts }: Context,
  contract: number,
): Promise<AgentStatus["contract"]> {
  if (!contracts.versions.includes(contract)) {
    throw new AppError(
      "INVALID_INPUT",
      `this agent knows no version ${contract} of the egress contract; it knows ${contracts.versions.join(", ")}`,
    );
  }
  await ports.store.batch([putConsent(contract)]);
  agentState.agreedContract = contract;
  return { spoken: egress.contract, agreed: contract };
}
