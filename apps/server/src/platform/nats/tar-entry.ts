// Reads one file out of a tar archive (POSIX.1-1988 ustar and GNU: names of up to 100 bytes).

import { basename } from "node:path";

const blockBytes = 512;

/**
 * The content of the first regular file whose name ends in `name`. Throws where the archive lacks this file or
 * a part of it.
 */
export function readTarEntry(archive: Uint8Array, name: string): Uint8Array {
  const field = (offset: number, length: number) =>
    Buffer.from(archive.buffer, archive.byteOffset + offset, length)
      .toString("latin1")
      .replace(/\0.*$/s, "");
  for (let offset = 0; offset + blockBytes <= archive.length; ) {
    const sizeBytes = Number.parseInt(field(offset + 124, 12), 8);
    if (Number.isNaN(sizeBytes)) break;
    const content = offset + blockBytes;
    const isFile = ["0", ""].includes(field(offset + 156, 1));
    if (isFile && basename(field(offset, 100)) === name && content + sizeBytes <= archive.length) {
      return archive.subarray(content, content + sizeBytes);
    }
    offset = content + Math.ceil(sizeBytes / blockBytes) * blockBytes;
  }
  throw new Error(`the archive holds no ${name}`);
}
