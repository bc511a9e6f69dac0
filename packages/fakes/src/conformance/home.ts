// The conformance suite of a host's adapters: each case observes, and its expected observation stands beside it. So the
// same cases run in Node, and in a browser that knows no test runner.

import type { Ports } from "@attune/edge-agent/core/ports";
import { codeOf } from "@attune/shared/errors";

export interface ConformingHome extends Pick<Ports, "store" | "files" | "cipher" | "hashing" | "deviceKey"> {
  /** Closes this home and opens it again, as a restart does. */
  reopen(): Promise<ConformingHome>;
}

export interface ConformanceCase {
  readonly name: string;
  /** Gets an empty home, and returns a value of JSON. */
  readonly observe: (home: ConformingHome) => Promise<unknown>;
  readonly expected: unknown;
}

export const textOf = (bytes: Uint8Array | undefined): string | null =>
  bytes === undefined ? null : new TextDecoder().decode(bytes);

/** The code of the fault, or "none". */
export async function faultOf(attempt: () => Promise<unknown>): Promise<string> {
  try {
    await attempt();
    return "none";
  } catch (cause) {
    return codeOf(cause);
  }
}
