// Serves the page of agents in browsers under /app/: files of the edge agent's build, which hold nothing of a person.
// The policy admits the page's own address alone.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { isMissing } from "@attune/platform/disk-fault";
import { AppError } from "@attune/shared/errors";
import type { FastifyInstance } from "fastify";

/** The same path is right from src and dist. */
const built = new URL("../../../../edge-agent/dist/page-bundle/", import.meta.url);
const javascript = "text/javascript; charset=utf-8";
const wasm = "application/wasm";
const files = {
  "": ["phone.html", "text/html; charset=utf-8"],
  "phone.js": ["phone.js", javascript],
  "page.css": ["page.css", "text/css; charset=utf-8"],
  "icon.svg": ["icon.svg", "image/svg+xml"],
  "phone.webmanifest": ["phone.webmanifest", "application/manifest+json"],
  "worker.js": ["worker.js", javascript],
  "service-worker.js": ["service-worker.js", javascript],
  "kernels/attune-simd128.wasm": ["attune-simd128.wasm", wasm],
  "kernels/attune-relaxed.wasm": ["attune-relaxed.wasm", wasm],
} as const;

const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  ...["style-src", "img-src", "connect-src", "worker-src", "manifest-src"].map((kind) => `${kind} 'self'`),
  ...["base-uri", "form-action", "frame-ancestors"].map((kind) => `${kind} 'none'`),
  "trusted-types attune",
  "require-trusted-types-for 'script'",
].join("; ");

const headers = {
  "content-security-policy": contentSecurityPolicy,
  // Chromium 152 and later also refuse navigations, prefetches and every other way to another origin.
  "connection-allowlist": "(response-origin)",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "cache-control": "no-cache",
  vary: "accept-encoding",
};

export function registerPageRoutes(server: FastifyInstance, folder = built): void {
  server.get("/app", async (_request, reply) => reply.redirect("/app/", 308));
  for (const [path, [name, type]] of Object.entries(files)) {
    server.get(`/app/${path}`, async (request, reply) => {
      const isCompressed = /\bbr\b/.test(String(request.headers["accept-encoding"]));
      const bytes = await readBuilt(new URL(isCompressed ? `${name}.br` : name, folder));
      const etag = `"${createHash("sha256").update(bytes).digest("base64url")}"`;
      reply.headers({ ...headers, etag });
      if (isCompressed) reply.header("content-encoding", "br");
      if (request.headers["if-none-match"] === etag) return reply.status(304).send();
      return reply.type(type).send(bytes);
    });
  }
}

async function readBuilt(file: URL): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    if (!isMissing(cause)) throw cause;
    throw new AppError("NOT_FOUND", "this installation holds no page; `npm run build` makes it", { cause });
  }
}
