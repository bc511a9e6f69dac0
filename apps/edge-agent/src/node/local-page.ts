// The page of the daemon: its files, which hold nothing of the person, and the links that open a session.

import { readFile } from "node:fs/promises";
import { pageRoutes } from "@attune/shared/contracts/local-routes";
import {
  type linkSchema,
  openLinkInputSchema,
  openSessionInputSchema,
  type sessionSchema,
} from "@attune/shared/contracts/page";
import { AppError } from "@attune/shared/errors";
import { parseInput } from "@attune/shared/parse-input";
import type { FastifyInstance } from "fastify";
import type { z } from "zod";
import type { PageSessions } from "./page-sessions.js";

/** From dist/node, dist/bundle and src/node alike. */
const folder = new URL("../../dist/page-bundle/", import.meta.url);
const files = {
  "/": ["index.html", "text/html; charset=utf-8"],
  "/page.js": ["page.js", "text/javascript; charset=utf-8"],
  "/page.css": ["page.css", "text/css; charset=utf-8"],
  "/icon.svg": ["icon.svg", "image/svg+xml"],
} as const;

/** The page loads nothing and sends nothing but from and to its own address, and no text of it becomes a script. */
const contentSecurityPolicy = [
  "default-src 'none'",
  ...["script-src", "style-src", "img-src", "connect-src"].map((kind) => `${kind} 'self'`),
  ...["base-uri", "form-action", "frame-ancestors", "trusted-types"].map((kind) => `${kind} 'none'`),
  "require-trusted-types-for 'script'",
].join("; ");

const headers = {
  "content-security-policy": contentSecurityPolicy,
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-dns-prefetch-control": "off",
  "cache-control": "no-store",
};

/** `open` marks the routes that need no token. */
declare module "fastify" {
  interface FastifyContextConfig {
    readonly open?: boolean;
  }
}

export function addPageRoutes(app: FastifyInstance, sessions: PageSessions): void {
  for (const [url, [name, type]] of Object.entries(files)) {
    app.get(url, { config: { open: true } }, async (_request, reply) =>
      reply
        .headers(headers)
        .type(type)
        .send(await readFile(new URL(name, folder))),
    );
  }
  app.route({
    ...{ method: pageRoutes.openLink.method, url: pageRoutes.openLink.path },
    handler: async ({ body, headers: { host } }): Promise<z.infer<typeof linkSchema>> => {
      parseInput(openLinkInputSchema, body ?? {}, "body");
      return { url: `http://${host}/#enter=${sessions.newCode()}` };
    },
  });
  app.route({
    ...{ method: pageRoutes.openSession.method, url: pageRoutes.openSession.path, config: { open: true } },
    handler: async ({ body }): Promise<z.infer<typeof sessionSchema>> => {
      const session = sessions.open(parseInput(openSessionInputSchema, body, "body").code);
      if (session !== undefined) return { session };
      throw new AppError("UNAUTHORIZED", "the link was used before, or is too old");
    },
  });
}
