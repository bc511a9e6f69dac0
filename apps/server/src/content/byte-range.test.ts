import { expect, test } from "vitest";
import { parseByteRange } from "./byte-range.js";

test.each([
  [undefined, { kind: "whole" }],
  ["bytes=0-", { kind: "part", start: 0, endInclusive: 99 }],
  ["bytes=40-", { kind: "part", start: 40, endInclusive: 99 }],
  ["bytes=40-49", { kind: "part", start: 40, endInclusive: 49 }],
  ["bytes=99-99", { kind: "part", start: 99, endInclusive: 99 }],
  ["bytes=40-4000", { kind: "part", start: 40, endInclusive: 99 }],
  ["bytes=-10", { kind: "part", start: 90, endInclusive: 99 }],
  ["bytes=-1000", { kind: "part", start: 0, endInclusive: 99 }],
  ["bytes=100-", { kind: "unsatisfiable" }],
  ["bytes=-0", { kind: "unsatisfiable" }],
  ["bytes=50-40", { kind: "whole" }],
  ["bytes=-", { kind: "whole" }],
  ["bytes=0-1,5-6", { kind: "whole" }],
  ["bytes=a-b", { kind: "whole" }],
  ["items=0-1", { kind: "whole" }],
  ["bytes=99999999999999999999-", { kind: "whole" }],
] as const)("of 100 bytes, %s asks for %j", (header, expected) => {
  expect(parseByteRange(header, 100)).toEqual(expected);
});
