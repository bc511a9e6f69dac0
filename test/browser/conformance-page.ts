// A page that starts the conformance suite's workers, ends them, and plays the browser that drops a database.

import type { Order } from "./conformance-worker.js";

export interface Conformance {
  /** Resolves to the worker's answer, or "fault: …". Each worker lives until `end`. */
  obey(worker: number, order: Order): Promise<unknown>;
  /** Starts the writer and ends its worker at the round; resolves to the last reported round. */
  writeUntil(home: string, round: number): Promise<number>;
  /** The last round that the writer has reached. */
  startWriting(home: string): void;
  heard(): number;
  end(worker: number): void;
  /** A newer version asks for the database, so that its connections close, and gives up. */
  disturb(home: string): Promise<void>;
  /** A newer version takes the database over. */
  upgrade(home: string): Promise<void>;
  remove(home: string): Promise<void>;
}

const workers = new Map<number, Worker>();
let heardRound = 0;

function start(worker: number): Worker {
  const started = workers.get(worker) ?? new Worker("/bundle/conformance-worker.js", { type: "module" });
  workers.set(worker, started);
  return started;
}

const settled = (request: IDBRequest) =>
  new Promise<void>((resolve) => {
    request.onsuccess = () => resolve();
    request.onerror = () => resolve();
  });

const conformance: Conformance = {
  obey: (worker, order) =>
    new Promise((resolve) => {
      const started = start(worker);
      started.onmessage = ({ data }) =>
        resolve(data.fault === undefined ? (data.output ?? null) : `fault: ${data.fault}`);
      started.postMessage(order);
    }),
  writeUntil: (home, round) =>
    new Promise((resolve, reject) => {
      const worker = start(-1);
      worker.onmessage = ({ data }) => {
        if (data.fault !== undefined) reject(new Error(data.fault));
        if (data.round < round) return;
        conformance.end(-1);
        resolve(data.round);
      };
      worker.postMessage({ kind: "write", home } satisfies Order);
    }),
  startWriting(home) {
    const worker = start(-1);
    worker.onmessage = ({ data }) => {
      heardRound = data.round;
    };
    worker.postMessage({ kind: "write", home } satisfies Order);
  },
  heard: () => heardRound,
  end(worker) {
    workers.get(worker)?.terminate();
    workers.delete(worker);
  },
  async disturb(home) {
    const request = indexedDB.open(home, 2);
    request.onupgradeneeded = () => request.transaction!.abort();
    await settled(request);
  },
  async upgrade(home) {
    const request = indexedDB.open(home, 2);
    await settled(request);
    request.result.close();
  },
  remove: (home) => settled(indexedDB.deleteDatabase(home)),
};

Object.assign(globalThis, { conformance });
