// The bytes of version 1, as the first agents wrote them, are read for ever and written the same.

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { canonicalJson } from "../canonical-json.js";
import { inboxPrefix, parseReportSubject, reportStream, reportStreamSubjects, reportSubject } from "../subjects.js";
import { journalEntrySchema } from "./audit.js";
import { createContracts, egressContracts, type MessageType, wireBody } from "./egress.js";
import { domainSizes } from "./egress-declaration.js";
import { enrolmentReplySchema } from "./enrolment.js";
import { judgeReport } from "./report.js";
import { signedTargetSchema } from "./target-state.js";

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/contract-1/${name}.json`, import.meta.url), "utf8"));
const messages: { message: Record<string, string | number | null>; wire: string }[] = fixture("messages");
const contracts = createContracts();

test("every message of every type is taken, and written as the bytes that crossed", () => {
  expect(new Set(messages.map(({ message }) => message.type))).toEqual(
    new Set(Object.keys(egressContracts[1].messages)),
  );
  for (const { message, wire } of messages) {
    const type = message.type as MessageType;
    expect(contracts.judge(type, message), wire).toEqual({ ok: true, value: message });
    expect(wireBody(contracts.declaration(1, type)!, message)).toBe(wire);
    if (type !== "download") expect(JSON.parse(wire)).toEqual(message);
    if (type.startsWith("report.")) expect(judgeReport(contracts, message)).toEqual({ ok: true, value: message });
  }
});

test("the fields of the version can take as many values as ever", () => {
  const sizes = Object.entries(egressContracts[1].messages).map(([type, declaration]) => [
    type,
    domainSizes(declaration),
  ]);
  expect(Object.fromEntries(sizes)).toEqual({
    enrol: [3, 3, 7],
    poll: [65_536, 10, 17],
    download: [2, 65],
    "report.metrics": [65_536, 3, 3, 11, 11, 102, 102, 14, 14, 13],
    "report.state": [65_536, 10, 17],
  });
});

test("its journal entries are read, and written as the bytes that were hashed", () => {
  const { entries }: { entries: { wire: string }[] } = fixture("journal");
  expect(entries.length).toBeGreaterThan(10);
  for (const { wire } of entries) expect(canonicalJson(journalEntrySchema.parse(JSON.parse(wire)))).toBe(wire);
});

test("its reports travel under the same subject, inbox, stream and id", () => {
  const broker = fixture("broker");
  const { fleet, device, epoch, sequence } = broker;
  expect(reportSubject(fleet, device)).toBe(broker.subject);
  expect(parseReportSubject(broker.subject)).toEqual({ fleet, device });
  expect([inboxPrefix(device), reportStream, reportStreamSubjects]).toEqual([
    broker.inbox,
    broker.stream,
    broker.streamSubjects,
  ]);
  const judged = judgeReport(contracts, JSON.parse(broker.wire));
  expect(judged).toMatchObject({ ok: true, value: { device, epoch, sequence } });
  expect(JSON.parse(broker.receipt)).toEqual({ stream: reportStream, seq: 1 });
  expect(JSON.parse(broker.receiptOfARepeat)).toEqual({ stream: reportStream, seq: 1, duplicate: true });
});

test("the server's answers to it are read", () => {
  const { enrolment, target } = fixture("answers");
  expect(enrolmentReplySchema.parse(JSON.parse(enrolment))).toEqual(JSON.parse(enrolment));
  expect(signedTargetSchema.parse(JSON.parse(target))).toEqual(JSON.parse(target));
});
