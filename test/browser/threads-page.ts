// A page that asks a worker, because a page's own thread must not wait for other threads.

import type { ThreadsAnswer, ThreadsQuestion } from "./threads-worker.js";

const ask = (question: ThreadsQuestion) =>
  new Promise<ThreadsAnswer>((resolve, reject) => {
    const worker = new Worker("/bundle/threads-worker.js", { type: "module" });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(question);
  });

Object.assign(globalThis, { ask });
