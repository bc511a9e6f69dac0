// Parses an input by a zod schema. The error names the fields at fault and never repeats a value, which
// may be an utterance.

import type { z } from "zod";
import { AppError } from "./errors.js";

/** `what` names the whole of the input before its fields: `body`, `query`. */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, what?: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues
    .slice(0, 4)
    .map(
      (issue) =>
        `${[what, ...issue.path].filter((part) => part !== undefined).join(".") || "input"} ${describe(issue)}`,
    );
  throw new AppError("INVALID_INPUT", problems.join("; "));
}

function describe(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case "unrecognized_keys":
      return "has a field that is not known here";
    case "invalid_value":
      return `must be one of ${issue.values.map(String).join(", ")}`;
    case "invalid_type":
      return `must be of type ${issue.expected}`;
    case "too_small":
      return `must be at least ${issue.minimum}`;
    case "too_big":
      return `must be at most ${issue.maximum}`;
    // These issues carry the words that the schema itself gives.
    case "custom":
    case "invalid_format":
      return issue.message;
    default:
      return "is not valid";
  }
}
