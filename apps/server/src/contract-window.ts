// The versions of the egress contract that this server takes, at enrolments, polls and reports alike.
import { type Contracts, contractsWithin, createContracts } from "@attune/shared/contracts/egress";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";

/** An old version leaves the window once no device of the fleet speaks it. */
const contractWindow = { oldest: 1, newest: 1 };

export function servedContracts(declared: EgressContracts, window = contractWindow): Contracts {
  return createContracts(contractsWithin(declared, window));
}
