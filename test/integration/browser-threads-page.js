// What the page of browser-threads.test.ts runs: it asks a worker, since a page's own thread may not wait for others.
const ask = (question) =>
  new Promise((resolve, reject) => {
    const worker = new Worker("/test/integration/browser-threads-worker.js", { type: "module" });
    worker.onmessage = ({ data }) => {
      worker.terminate();
      resolve(data);
    };
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage(question);
  });

globalThis.ask = ask;
