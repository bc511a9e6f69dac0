// A worker that runs the conformance suite over the browser's adapters, and the writer that is killed.

import { openWebHome } from "@attune/edge-agent/web/web-home";
import { lookAtWreck, writeUntilKilled } from "@attune/fakes/conformance/crash";
import { cryptoCases } from "@attune/fakes/conformance/crypto-cases";
import { filesCases } from "@attune/fakes/conformance/files-cases";
import type { ConformingHome } from "@attune/fakes/conformance/home";
import { storeCases } from "@attune/fakes/conformance/store-cases";

export type Order =
  | { readonly kind: "observe"; readonly name: string }
  | { readonly kind: "write" | "look" | "open"; readonly home: string }
  | { readonly kind: "put" | "get"; readonly text: string };

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
