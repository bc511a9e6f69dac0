import { expect, test } from "vitest";
import { AppError } from "../errors.js";
import { parseInput } from "../parse-input.js";
import {
  errorOf,
  faultOf,
  journalQuerySchema,
  labelInputSchema,
  maxRequestBytes,
  maxUtteranceBytes,
  maxUtteranceCodePoints,
  utteranceSchema,
} from "./local-api.js";

const longest = "\u{1f600}".repeat(maxUtteranceCodePoints);

test("an utterance is measured in code points, whatever they take in UTF-16", () => {
  for (const text of ["a".repeat(maxUtteranceCodePoints), longest, `${longest.slice(2)}a`]) {
    expect(utteranceSchema.safeParse(text).success).toBe(true);
    expect(utteranceSchema.safeParse(`${text}a`).error?.issues[0]?.message).toBe("is longer than 8192 code points");
  }
  expect(utteranceSchema.safeParse(" \n").error?.issues.map(({ message }) => message)).toEqual(["is empty"]);
});

test("the limits in bytes leave room for the longest utterance", () => {
  expect(new TextEncoder().encode(longest).length).toBe(maxUtteranceBytes);
  const request = JSON.stringify({ text: longest, id: "a".repeat(64), label: "surprise", split: "holdout" });
  const escaped = request.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16)}`);
  expect(JSON.parse(escaped)).toEqual(JSON.parse(request));
  expect(escaped.length).toBeLessThanOrEqual(maxRequestBytes);
});

test("a field that is not declared is refused, and nothing of it is repeated", () => {
  const said = { id: "a", text: "so happy", label: "joy" };
  expect(parseInput(labelInputSchema, said)).toEqual(said);
  expect(() => parseInput(labelInputSchema, { ...said, "so sad": "so sad" })).toThrow(
    new AppError("INVALID_INPUT", "input has a field that is not known here"),
  );
});

test("a query holds numbers as text", () => {
  expect(journalQuerySchema.parse({ after: "-1", limit: "10000" })).toEqual({ after: -1, limit: 10_000 });
  for (const query of [{ after: "-2" }, { after: "soon" }, { limit: "0" }, { limit: "10001" }, { limit: "1.5" }]) {
    expect(journalQuerySchema.safeParse(query).success).toBe(false);
  }
});

test("an error crosses with its code, and comes as INTERNAL where the code is not known", () => {
  const fault = faultOf(new AppError("NO_RELEASE", "no release yet"));
  expect(fault.remedy).not.toBe("");
  expect(errorOf(fault)).toMatchObject({ name: "AppError", code: "NO_RELEASE", message: "no release yet" });
  expect(errorOf({ ...fault, code: "SO_NEW" }).code).toBe("INTERNAL");
});
