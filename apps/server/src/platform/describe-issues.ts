// Describes why a contract refuses a message.

import type { z } from "zod";

/** Names the fields at fault, never their values, which may hold anything. */
export function describeIssues(error: { readonly issues: readonly z.core.$ZodIssue[] }): string {
  const fields = error.issues.map((issue) => {
    const path = issue.path.map(String).join(".");
    const unknown = issue.code === "unrecognized_keys" ? " (a field that is not in the contract)" : "";
    return `${path === "" ? "the message" : path}${unknown}`;
  });
  return `these fields do not have the declared form: ${[...new Set(fields)].slice(0, 8).join(", ")}`;
}
