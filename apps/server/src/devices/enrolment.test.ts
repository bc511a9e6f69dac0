import { enrolmentTokenPattern } from "@attune/shared/contracts/enrolment";
import { describe, expect, test } from "vitest";
import { formatToken, judgeToken, type TokenRecord } from "./enrolment.js";

const noon = Date.UTC(2026, 0, 1, 12);
const key = { nkey: "UA", epoch: "e1" };
const unused: TokenRecord = { fleetName: "home", expiresAt: new Date(noon), device: null };
const used: TokenRecord = { ...unused, device: { id: "d1", nkey: "UA", epoch: "e1", revokedAt: null } };

describe("a token", () => {
  test("opens the door until its end and not at it", () => {
    expect(judgeToken(unused, key, noon - 1)).toEqual({ use: "new" });
    expect(() => judgeToken(unused, key, noon)).toThrow(expect.objectContaining({ code: "TOKEN_EXPIRED" }));
  });

  test("that nobody gave out opens nothing", () => {
    expect(() => judgeToken(undefined, key, noon)).toThrow(expect.objectContaining({ code: "TOKEN_INVALID" }));
  });

  test("answers the same device again, even later, because its reply may have been lost", () => {
    expect(judgeToken(used, key, noon + 1)).toEqual({ use: "again", device: "d1" });
  });

  test.each([
    ["another key", { ...key, nkey: "UB" }],
    ["another copy of the store", { ...key, epoch: "e2" }],
  ])("does not enrol %s once it is used", (_who, other) => {
    expect(() => judgeToken(used, other, noon - 1)).toThrow(expect.objectContaining({ code: "TOKEN_USED" }));
  });

  test("does not bring back a revoked device", () => {
    const revoked = { ...used, device: { ...used.device!, revokedAt: new Date(noon) } };
    expect(() => judgeToken(revoked, key, noon)).toThrow(expect.objectContaining({ code: "UNAUTHORIZED" }));
  });

  test("has the form that devices read", () => {
    expect(formatToken("a".repeat(64), "b".repeat(48))).toMatch(enrolmentTokenPattern);
    expect(() => formatToken("a".repeat(64), "b".repeat(47))).toThrow(TypeError);
  });
});
