import { canonicalBytes, canonicalJson } from "@attune/shared/canonical-json";
import { createContracts } from "@attune/shared/contracts/egress";
import { reportLimitBytes } from "@attune/shared/contracts/report";
import { reportSubject } from "@attune/shared/subjects";
import { expect, test } from "vitest";
import { parseReportMessage } from "./report.parse.js";

const device = "0".repeat(32);
const report = {
  type: "report.state",
  contract: 1,
  device,
  epoch: "0123456789abcdef",
  sequence: 1,
  releaseSequence: 1,
  state: "rejected",
  reason: "personalInferior",
};
const subject = reportSubject("home", device);
const contracts = createContracts();
const parse = (bytes: Uint8Array, on = subject) =>
  parseReportMessage(contracts, { subject: on, bytes, streamSequence: 1 });
const encode = (text: string) => new TextEncoder().encode(text);

test("a report is accepted as it came", () => {
  const parsed = parse(canonicalBytes(report));
  expect(parsed).toMatchObject({ ok: true, value: { report, fleet: "home", streamSequence: 1 } });
});

test.each([
  ["subject", canonicalBytes(report), "attune.v1.home.short.report"],
  ["oversized", new Uint8Array(reportLimitBytes + 1), subject],
  ["encoding", Uint8Array.of(0xff), subject],
  ["encoding", Uint8Array.of(0xed, 0xa0, 0x80), subject],
  ["malformed", encode("{"), subject],
  ["malformed", encode("\ufeff{}"), subject],
  ["contract", encode("null"), subject],
  ["contract", encode("[]"), subject],
  ["contract", encode('{"type":"poll"}'), subject],
  ["contract", canonicalBytes({ ...report, sequence: 0 }), subject],
  ["contract", encode(canonicalJson(report).replace('"releaseSequence":1', '"releaseSequence":-0')), subject],
  ["contract", canonicalBytes({ ...report, sequence: 1.5 }), subject],
  ["contract", canonicalBytes({ ...report, reason: "because" }), subject],
  ["contractVersion", canonicalBytes({ ...report, contract: 99 }), subject],
  ["notCanonical", encode(JSON.stringify(report)), subject],
  ["foreignDevice", canonicalBytes(report), reportSubject("home", "1".repeat(32))],
] as const)("%s: what is no report is refused without a word of it", (reason, bytes, on) => {
  const parsed = parse(bytes, on);
  expect(parsed).toMatchObject({ ok: false, reason });
  expect(JSON.stringify(parsed)).not.toContain("because");
});
