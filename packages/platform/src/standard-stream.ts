// Standard output and standard error of this process, as the shared code writes to them.

import { fstatSync, writeFileSync } from "node:fs";
import type { OutputStream } from "@attune/shared/output";

/** The only listener of the stream's errors: each write's own callback learns them, and none of them ends the process. */
export function standardStream(stream: NodeJS.WriteStream & { readonly fd: number }): OutputStream {
  stream.on("error", () => undefined);
  // As bigints, which Node keeps apart: it takes the last numbers for those of a path that it resolves, and leaves links as they are after a pipe's.
  if (!fstatSync(stream.fd, { bigint: true }).isFile()) return stream;
  // Node's stream takes a short write to a file for a whole one, and a nearly full disk makes short ones.
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
