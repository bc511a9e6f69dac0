// A page that loads the bundled extractor in a worker, and on its own thread for comparison.

import { type Loader, openLoader, type Settings, type Variant } from "./bundled-release.js";
import type { Question } from "./loader-worker.js";

export interface LoaderHelpers {
  worker(settings: Settings): Promise<AskedLoader>;
  onMainThread(settings: Settings): Promise<Loader>;
  /** The number of times that a timer of one millisecond fired while `work` ran. */
  ticksDuring(work: () => Promise<unknown>): Promise<number>;
}

/** The same loader in a worker. */
export type AskedLoader = {
  readonly [Name in "prepare" | "load" | "predict" | "together"]: (
    ...input: Parameters<Loader[Name]>
  ) => Promise<Awaited<ReturnType<Loader[Name]>>>;
} & { readonly build: string; close(): void };

const helpers: LoaderHelpers = {
  async worker(settings) {
    const worker = new Worker("/bundle/loader-worker.js", { type: "module" });
    const ask = <T>(question: Question) =>
      new Promise<T>((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(message));
        worker.postMessage(question);
      });
    const build = await ask<string>({ name: "open", settings });
    return {
      build,
      prepare: (variant: Variant) => ask({ name: "prepare", variant }),
      load: () => ask({ name: "load" }),
      predict: (text) => ask({ name: "predict", text }),
      together: (texts) => ask({ name: "together", texts }),
      close: () => worker.terminate(),
    };
  },
  onMainThread: openLoader,
  async ticksDuring(work) {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await work();
    clearInterval(timer);
    return ticks;
  },
};

Object.assign(globalThis, { helpers });
