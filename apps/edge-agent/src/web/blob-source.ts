// A file that a browser keeps as a blob, read in pieces, so that a model is never in memory whole.

import type { ByteSource } from "@attune/ml/tensor/safetensors";

/**
 * Works in a worker only, because it reads synchronously. Throws NotReadableError when the file behind
 * the blob has gone.
 */
export function blobSource(blob: Blob): ByteSource {
  const reader = new FileReaderSync();
  return {
    sizeBytes: blob.size,
    read(offset, into) {
      into.set(new Uint8Array(reader.readAsArrayBuffer(blob.slice(offset, offset + into.length))));
    },
  };
}
