// Entry of the module worker that computes features off a page's main thread.
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
});

scope.onmessage = ({ data }: MessageEvent<ToWorker>) => receive(data);
