// A page in a real Chromium with one script of these tests, beside which the built files lie as a host would serve them.
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Page } from "playwright-core";
import { findChromium } from "./chromium-program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const types: Record<string, string> = { ".js": "text/javascript", ".json": "application/json", ".html": "text/html" };

/** Isolated from other origins, as threads need it (they share memory). */
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

export async function openPage(
  script: string,
  { isolated = false } = {},
): Promise<{ page: Page; close(): Promise<void> }> {
  const program = await findChromium();
  if (program === undefined) throw new Error("There is no Chromium");
  if (!existsSync(join(root, "apps/edge-agent/dist/web/extractor-worker.js"))) {
    throw new Error("The worker is not built: run `npm run build` first");
  }
  const html = `<!doctype html><title>attune</title><script type="module" src="${script}"></script>`;
  const server = await serve(html, isolated ? isolation : {});
  const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
  const { executablePath, libraries } = program;
  const browser = await chromium.launch({
    executablePath,
    args: [...args, "--disable-component-update", "--disable-sync"],
    ...(libraries === undefined ? {} : { env: { ...process.env, LD_LIBRARY_PATH: libraries } }),
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  const close = async () => {
    await browser.close();
    server.close();
  };
  return { page, close };
}

/** Package names are resolved to paths as a bundler or an import map would; workers know no import maps. */
function serve(html: string, headers: Record<string, string>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    const isServed =
      /^\/(packages\/ml|apps\/edge-agent)\/(dist|kernels)\/|^\/(assets\/extractor|test\/integration)\//.test(path);
    const file = join(root, path);
    const type = types[extname(path)] ?? "application/octet-stream";
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    if (path === "/") return response.setHeader("content-type", "text/html").end(html);
    if (!isServed || !existsSync(file)) return response.writeHead(404).end();
    const bytes = readFileSync(file);
    response.setHeader("content-type", type);
    if (type !== "text/javascript") return response.end(bytes);
    response.end(
      bytes
        .toString("utf8")
        .replace(/(from|import)(\s*\(?\s*)"@attune\/ml\/([^"]+)"/g, '$1$2"/packages/ml/dist/$3.js"'),
    );
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
