// Keeps the page's own files, so that it opens without a network. A new version waits until the pages of the old
// version are closed, and then takes their place as a whole.

interface ServiceWorkerScope {
  /** A digest of the page's files, which the build puts before this script. */
  readonly pageVersion: string;
  readonly registration: { readonly scope: string };
  addEventListener(type: "install" | "activate", listener: (event: ExtendableEvent) => void): void;
  addEventListener(type: "fetch", listener: (event: FetchEvent) => void): void;
}

const scope = self as unknown as ServiceWorkerScope;
const cacheName = `attune-page-${scope.pageVersion}`;
const files = [
  "./",
  "phone.js",
  "page.css",
  "icon.svg",
  "phone.webmanifest",
  "worker.js",
  "kernels/attune-simd128.wasm",
  "kernels/attune-relaxed.wasm",
];
const addresses = new Set(files.map((file) => new URL(file, scope.registration.scope).href));

scope.addEventListener("install", (event) => {
  const requests = [...addresses].map((address) => new Request(address, { cache: "no-cache", credentials: "omit" }));
  event.waitUntil(caches.open(cacheName).then((cache) => cache.addAll(requests)));
});

scope.addEventListener("activate", (event) => {
  event.waitUntil(deleteOthers());
});

scope.addEventListener("fetch", (event) => {
  const address = event.request.url.replace(/#.*$/, "");
  if (event.request.method === "GET" && addresses.has(address)) event.respondWith(kept(address, event.request));
});

async function deleteOthers(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== cacheName).map((name) => caches.delete(name)));
}

async function kept(address: string, request: Request): Promise<Response> {
  const cache = await caches.open(cacheName);
  return (await cache.match(address)) ?? fetch(request);
}
