import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import fastify from "fastify";
import { afterEach, beforeEach, expect, test } from "vitest";
import { toAppError } from "../../trpc.js";
import { registerPageRoutes } from "./page-routes.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "attune-page-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function open() {
  const server = fastify();
  server.setErrorHandler((error, _request, reply) => {
    const { httpStatus, message } = toAppError(error);
    return reply.status(httpStatus).send({ message });
  });
  registerPageRoutes(server, pathToFileURL(`${folder}/`));
  const get = (url: string, headers: Record<string, string> = {}) => server.inject({ method: "GET", url, headers });
  return get;
}

test("a file comes as the client reads it, under a policy, and not twice", async () => {
  writeFileSync(join(folder, "phone.html"), "<!doctype html>");
  writeFileSync(join(folder, "phone.html.br"), "compressed");
  const get = open();
  const plain = await get("/app/");
  expect([plain.statusCode, plain.body]).toEqual([200, "<!doctype html>"]);
  expect(plain.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "connection-allowlist": "(response-origin)",
    "content-security-policy": expect.stringContaining("default-src 'none'"),
    "cache-control": "no-cache",
  });
  const compressed = await get("/app/", { "accept-encoding": "gzip, br" });
  expect([compressed.body, compressed.headers["content-encoding"]]).toEqual(["compressed", "br"]);
  expect(compressed.headers.etag).not.toBe(plain.headers.etag);
  const again = await get("/app/", { "if-none-match": plain.headers.etag as string });
  expect([again.statusCode, again.body]).toEqual([304, ""]);
});

test("the folder's name leads to the page, other files are not served, and a missing build is named", async () => {
  writeFileSync(join(folder, "secret"), "no");
  const get = open();
  const redirect = await get("/app");
  expect([redirect.statusCode, redirect.headers.location]).toEqual([308, "/app/"]);
  for (const path of ["secret", "../secret", "%2e%2e/secret", "phone.html"]) {
    expect((await get(`/app/${path}`)).statusCode).toBe(404);
  }
  const missing = await get("/app/worker.js");
  expect([missing.statusCode, missing.json().message]).toEqual([404, expect.stringContaining("npm run build")]);
});
