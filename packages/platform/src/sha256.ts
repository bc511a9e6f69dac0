// Computes SHA-256 in hexadecimal over the concatenation of all parts.

import { createHash } from "node:crypto";

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}
