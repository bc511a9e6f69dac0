// The page's side of the worker: requests with ids, answers as promises, errors under their own names.
import { MlError, type MlErrorCode } from "@attune/ml/error";
import type {
  ErrorMessage,
  FromWorker,
  Loaded,
  LoadInput,
  OperationName,
  Operations,
  Prediction,
  ToWorker,
} from "./messages.js";

export interface ExtractorClient {
  /**
   * Loads and warms up; of what was loaded before nothing remains. Bytes are handed over: their buffers are empty here afterwards; a blob stays
   * usable. Rejects with MlError, naming the part of a file.
   */
  load(input: LoadInput, options?: CallOptions): Promise<Loaded>;
  predict(text: string, options?: CallOptions): Promise<Prediction>;
  /** (texts, featureSize), row after row. */
  extractAll(texts: readonly string[], options?: CallOptions): Promise<Float32Array>;
  /** Ends the worker; what it still owes is rejected. */
  close(): void;
}

export interface CallOptions {
  /** Rejects at once with the signal's reason; the worker leaves out what it has not begun, and stops between two batches. */
  readonly signal?: AbortSignal;
}

/** The part of `Worker` that is used: `new Worker(new URL("./extractor-worker.js", import.meta.url), { type: "module" })`. */
export interface WorkerPort {
  postMessage(message: ToWorker, transfer: ArrayBuffer[]): void;
  addEventListener(type: "message", listener: (event: { readonly data: FromWorker }) => void): void;
  addEventListener(type: "error" | "messageerror", listener: (event: { readonly message?: string }) => void): void;
  terminate(): void;
}

interface Pending {
  readonly resolve: (result: never) => void;
  readonly reject: (reason: unknown) => void;
}

export function createExtractorClient(worker: WorkerPort): ExtractorClient {
  const pending = new Map<number, Pending>();
  let ended: Error | undefined;
  let lastId = 0;

  worker.addEventListener("message", ({ data }) => {
    const call = pending.get(data.id);
    pending.delete(data.id);
    if (data.ok) call?.resolve(data.result as never);
    else call?.reject(revived(data.error));
  });
  // Of a worker that cannot be fetched or parsed, and of a message that cannot be read: nothing owed will come.
  worker.addEventListener("error", ({ message }) => end(new Error(`The extractor's worker failed: ${message ?? ""}`)));
  worker.addEventListener("messageerror", () => end(new Error("The extractor's worker sent what cannot be read")));

  function end(reason: Error): void {
    ended ??= reason;
    worker.terminate();
    for (const { reject } of pending.values()) reject(ended);
    pending.clear();
  }

  function call<Name extends OperationName>(
    name: Name,
    input: Operations[Name]["input"],
    { signal, handOver = [] }: CallOptions & { handOver?: ArrayBuffer[] },
  ): Promise<Operations[Name]["result"]> {
    return new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      if (signal?.aborted) return reject(signal.reason);
      const id = ++lastId;
      const abort = () => {
        if (!pending.delete(id)) return;
        worker.postMessage({ id, name: "abort" }, []);
        reject(signal?.reason);
      };
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          signal?.removeEventListener("abort", abort);
          settle(value);
        };
      };
      pending.set(id, { resolve: settled(resolve), reject: settled(reject) });
      signal?.addEventListener("abort", abort);
      worker.postMessage({ id, name, input } as ToWorker, handOver);
    });
  }

  return {
    load(input, options = {}) {
      const { extractor, prior, kernels } = input;
      const given = [
        ...Object.values<Uint8Array | Blob>({ ...extractor }),
        prior,
        ...Object.values<Uint8Array>(kernels),
      ];
      const bytes = given.filter((one) => one instanceof Uint8Array);
      const handOver = [...new Set(bytes.map(({ buffer }) => buffer as ArrayBuffer))];
      return call("load", input, { ...options, handOver });
    },
    predict: (text, options = {}) => call("predict", text, options),
    extractAll: (texts, options = {}) => call("extractAll", texts, options),
    close: () => end(new Error("The extractor's worker was closed")),
  };
}

function revived({ name, message, code }: ErrorMessage): Error {
  if (name === "MlError") return new MlError(code as MlErrorCode, message);
  const error = new Error(message);
  error.name = name;
  return error;
}
