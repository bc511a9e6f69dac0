import { describe, expect, test } from "vitest";
import { parseReleaseReference } from "./release-reference.js";

describe("a release is named", () => {
  test.each([
    ["3", { sequence: 3 }],
    ["65535", { sequence: 65_535 }],
    ["attune-small@1.0.0", { model: "attune-small", version: "1.0.0" }],
    ["attune-small@champion", { model: "attune-small", alias: "champion" }],
  ])("by %s", (text, reference) => expect(parseReleaseReference(text)).toEqual(reference));

  test.each([
    "",
    "0",
    "65536",
    "-1",
    "1e3",
    "1.0",
    "small",
    "small@",
    "@champion",
    "small@Champion",
    "small@a@b",
    "a@1",
  ])("never by %j", (text) => expect(parseReleaseReference(text)).toBeUndefined());
});
