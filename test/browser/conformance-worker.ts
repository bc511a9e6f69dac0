// A worker that runs the conformance suite over the browser's adapters, and the writer that is killed.

import { createFetchClient } from "@attune/edge-agent/web/fetch-client";
import { judge, probeBrowser } from "@attune/edge-agent/web/probe";
import { openWebHome } from "@attune/edge-agent/web/web-home";
import { lookAtWreck, writeUntilKilled } from "@attune/fakes/conformance/crash";
import { cryptoCases } from "@attune/fakes/conformance/crypto-cases";
import { filesCases } from "@attune/fakes/conformance/files-cases";
import type { ConformingHome } from "@attune/fakes/conformance/home";
import { type HttpCase, idleTimeoutMs } from "@attune/fakes/conformance/http-cases";
import { storeCases } from "@attune/fakes/conformance/store-cases";
import { tryHttp } from "./try-http.js";

export type Order =
  | { readonly kind: "observe"; readonly name: string }
  | { readonly kind: "write" | "look" | "open"; readonly home: string }
  | { readonly kind: "http"; readonly request: Omit<HttpCase, "expected"> }
  | { readonly kind: "put" | "get"; readonly text: string }
  | { readonly kind: "probe"; readonly without?: keyof typeof takeAway };

async function openHome(name: string): Promise<ConformingHome & { close(): void }> {
  const home = await openWebHome(name);
  return {
    ...home,
    async reopen() {
      home.close();
      return openHome(name);
    },
  };
}

/** Takes from this worker what another browser lacks. */
const takeAway = {
  locks: () => Reflect.deleteProperty(Object.getPrototypeOf(navigator), "locks"),
  database: () => {
    IDBFactory.prototype.open = () => {
      throw new DOMException("no database", "SecurityError");
    };
  },
  strict: () => {
    IDBDatabase.prototype.transaction = () => {
      throw new TypeError("no such durability");
    };
  },
  clonedKeys: () => {
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (value, key) {
      if (value instanceof CryptoKey) throw new DOMException("no keys", "DataCloneError");
      return put.call(this, value, key);
    };
  },
  ed25519: () => {
    SubtleCrypto.prototype.sign = async () => {
      throw new DOMException("no such algorithm", "NotSupportedError");
    };
  },
  room: () => {
    StorageManager.prototype.estimate = async () => ({ quota: 50_000_000, usage: 30_000_000 });
  },
  statement: () => {
    StorageManager.prototype.estimate = async () => ({});
  },
  relaxed: () => {
    const { validate } = WebAssembly;
    WebAssembly.validate = (bytes: ArrayBufferLike | ArrayBufferView) =>
      validate(bytes as BufferSource) && bytes.byteLength !== 36;
  },
  simd: () => {
    WebAssembly.validate = () => false;
  },
  webAssembly: () => Reflect.deleteProperty(globalThis, "WebAssembly"),
};

let kept: ConformingHome | undefined;

async function obey(order: Order): Promise<unknown> {
  switch (order.kind) {
    case "observe": {
      const found = [...storeCases, ...filesCases, ...cryptoCases].find(({ name }) => name === order.name)!;
      return found.observe(await openHome(order.name));
    }
    case "write":
      return writeUntilKilled(await openHome(order.home), (round) => self.postMessage({ round }));
    case "look":
      return lookAtWreck(await openHome(order.home));
    case "open":
      kept = await openHome(order.home);
      return "open";
    case "http":
      return tryHttp(createFetchClient({ idleTimeoutMs }), self.location.origin, order.request);
    case "probe":
      if (order.without !== undefined) takeAway[order.without]();
      return judge(await probeBrowser());
    case "put":
      return kept!.store.batch([{ type: "put", key: "text", value: new TextEncoder().encode(order.text) }]);
    case "get":
      return new TextDecoder().decode(await kept!.store.get("text"));
  }
}

self.addEventListener("message", ({ data }: MessageEvent<Order>) => {
  obey(data).then(
    (output) => self.postMessage({ output }),
    (error: Error & { code?: string }) => self.postMessage({ fault: `${error.code ?? error.name}: ${error.message}` }),
  );
});
