// A version of the egress contract that only tests know: the next one after those that exist. It says less in a metrics
// report, more coarsely, and its signed messages have prefixes of their own.

import { createContracts, egressContracts } from "@attune/shared/contracts/egress";
import type { EgressContracts } from "@attune/shared/contracts/egress-declaration";

export const madeUp = createContracts().newest + 1;

const { enrol, poll, "report.metrics": metrics, ...others } = egressContracts[1].messages;
const { trainTime: _dropped, ...kept } = metrics.fields;
const utterances = { ...kept.utterances, domain: { kind: "bucket", edges: [0, 50, 1_000] } } as const;

export const contractsWithMadeUp: EgressContracts = {
  ...egressContracts,
  [madeUp]: {
    messages: {
      ...others,
      enrol: { ...enrol, signedUnder: "attune:enrol:made-up\n" },
      poll: { ...poll, signedUnder: "attune:poll:made-up\n" },
      "report.metrics": { ...metrics, fields: { ...kept, utterances } },
    },
  },
};
