// Hostile reports of version 2 at the server's parser: none is accepted but the exact bytes of a valid report.

import { judgeHostile } from "@attune/fakes/exact-reports";
import { hostileDevice } from "@attune/fakes/hostile-reports";
import { createRandom } from "@attune/ml/tensor/random";
import { egressContracts } from "@attune/shared/contracts/egress";
import { reportSubject } from "@attune/shared/subjects";
import { expect, test } from "vitest";
import { servedContracts } from "../contract-window.js";
import { parseReportMessage } from "./report.parse.js";

const contracts = servedContracts(egressContracts);
const subject = reportSubject("home", hostileDevice);

test("none of 5_000 hostile reports is accepted but exact valid ones, and every exact one is", () => {
  const parse = (bytes: Uint8Array) => parseReportMessage(contracts, { subject, bytes, streamSequence: 1 });
  const { accepted, refused, wrong } = judgeHostile(parse, 5_000, createRandom(14));
  expect(wrong.slice(0, 5)).toEqual([]);
  expect(accepted).toBeGreaterThan(5_000 / 8);
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
