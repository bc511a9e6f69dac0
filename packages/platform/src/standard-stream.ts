// Gives shared code this process's standard output and standard error to write to.

import { fstatSync, writeFileSync } from "node:fs";
import type { OutputStream } from "@attune/shared/output";

/**
 * The only listener of the stream's errors. Each write's callback gets its own error, and no error ends the process.
 */
export function standardStream(stream: NodeJS.WriteStream & { readonly fd: number }): OutputStream {
  stream.on("error", () => undefined);
  // The call asks for bigints, which Node keeps apart from plain numbers. Node takes the last plain numbers for those
  // of a path that it resolves. After a pipe's numbers it would leave links unresolved.
  if (!fstatSync(stream.fd, { bigint: true }).isFile()) return stream;
  // Node's stream takes a short write to a file for a whole one, and a nearly full disk makes short writes.
  return {
    writableLength: 0,
    write: (text, done) => {
      try {
        writeFileSync(stream.fd, text);
      } catch (error) {
        done?.(error as Error);
        return;
      }
      done?.();
    },
  };
}
