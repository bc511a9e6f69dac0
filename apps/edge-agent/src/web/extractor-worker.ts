// Entry of the module worker that computes features off a page's main thread.
import type { ByteSource } from "@attune/ml/tensor/safetensors";
import { createExtractorSession } from "./extractor-session.js";
import type { FromWorker, ToWorker } from "./messages.js";

const scope = self as unknown as DedicatedWorkerGlobalScope;
const turns = new MessageChannel();
const waiting: (() => void)[] = [];
turns.port1.onmessage = () => waiting.shift()?.();

const receive = createExtractorSession({
  send: (message: FromWorker, handOver) => scope.postMessage(message, handOver as ArrayBuffer[]),
  // A message to oneself comes after those that have arrived; a timer would come four milliseconds later.
  nextTurn: () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      turns.port2.postMessage(null);
    }),
  openBlob,
});

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(data);

/** What only a worker can: read a blob without waiting. Throws NotReadableError when what is behind it has gone. */
function openBlob(blob: Blob): ByteSource {
  const reader = new FileReaderSync();
  return {
    sizeBytes: blob.size,
    read(offset, into) {
      into.set(new Uint8Array(reader.readAsArrayBuffer(blob.slice(offset, offset + into.length))));
    },
  };
}
