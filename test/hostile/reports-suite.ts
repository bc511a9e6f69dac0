// Hostile reports of version 2 at the server's parser: none is accepted but the exact bytes of a valid report. The unit
// tests send a few thousand, and the slow tests a million.

import { judgeHostile } from "@attune/fakes/exact-reports";
import { hostileDevice } from "@attune/fakes/hostile-reports";
import { createRandom } from "@attune/ml/tensor/random";
import { servedContracts } from "@attune/server/contract-window";
import { parseReportMessage } from "@attune/server/ingestion/report.parse";
import { egressContracts } from "@attune/shared/contracts/egress";
import { reportSubject } from "@attune/shared/subjects";
import { expect, test } from "vitest";

const contracts = servedContracts(egressContracts);
const subject = reportSubject("home", hostileDevice);

export function testHostileReports(count: number): void {
  test(`none of ${count} hostile reports is accepted but exact valid ones, and every exact one is`, () => {
    const parse = (bytes: Uint8Array) => parseReportMessage(contracts, { subject, bytes, streamSequence: 1 });
    const { accepted, refused, wrong } = judgeHostile(parse, count, createRandom(14));
    expect(wrong.slice(0, 5)).toEqual([]);
    expect(accepted).toBeGreaterThan(count / 8);
    const reasons = [
      "contract",
      "contractVersion",
      "encoding",
      "foreignDevice",
      "malformed",
      "notCanonical",
      "oversized",
    ];
    expect(Object.keys(refused).sort()).toEqual(reasons);
  });
}
