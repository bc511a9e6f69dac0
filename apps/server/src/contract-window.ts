// The versions of the egress contract that a server takes, at enrolments, polls and reports alike, and the version
// that its releases carry.

import {
  type Contracts,
  contractsWithin,
  createContracts,
  demoContract,
  demoContracts,
} from "@attune/shared/contracts/egress";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";

/** An old version leaves the window once no device of the fleet speaks it. */
const contractWindow = { oldest: 1, newest: 2 };

/** The version that new releases carry. A device that runs such a release speaks this version at most. */
export const publishedContract = 2;

export function servedContracts(declared: EgressContracts, window = contractWindow): Contracts {
  return createContracts(contractsWithin(declared, window));
}

/**
 * A demonstration also takes the contract with a fast clock, and its releases carry it. All other servers
 * and devices refuse it.
 */
export function demonstrationContracts(): { readonly contracts: Contracts; readonly publishedContract: number } {
  return { contracts: createContracts(demoContracts), publishedContract: demoContract };
}
