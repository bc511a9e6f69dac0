// A page in a real Chromium with one of the programs of test/browser, bundled as a host would bundle it.

import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { type BrowserContext, chromium, type Page } from "playwright-core";
import { rolldown } from "rolldown";
import { findChromium } from "./chromium-program.js";

const root = fileURLToPath(new URL("../..", import.meta.url));
const programs = join(root, "test/browser");
const types: Record<string, string> = { ".js": "text/javascript", ".json": "application/json" };

/** Isolates the page from other origins, which threads with shared memory require. */
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

interface ServedPage {
  readonly url: string;
  close(): void;
}

/** `name` selects `<name>-page.ts` and `<name>-worker.ts` in test/browser. */
export async function servePage(
  name: string,
  { isolated = false, answer = () => false }: { isolated?: boolean; answer?: Served["answer"] } = {},
): Promise<ServedPage> {
  const scripts = await bundle([`${name}-page`, `${name}-worker`]);
  const html = `<!doctype html><title>attune</title><script type="module" src="/bundle/${name}-page.js"></script>`;
  const server = await serve({ html, scripts, headers: isolated ? isolation : {}, answer });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

interface Launched {
  readonly context: BrowserContext;
  close(): Promise<void>;
}

/** `profile` is the folder in which the browser keeps what pages store; a new one by default. */
export async function launchChromium({ profile = "", more = [] as string[] } = {}): Promise<Launched> {
  const program = await findChromium();
  if (program === undefined) throw new Error("There is no Chromium");
  const args = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"];
  const { executablePath, libraries } = program;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    args: [...args, "--disable-component-update", "--disable-sync", ...more],
    ...(libraries === undefined ? {} : { env: { ...process.env, LD_LIBRARY_PATH: libraries } }),
  });
  return { context, close: () => context.close() };
}

export async function openPage(
  name: string,
  { isolated = false } = {},
): Promise<{ page: Page; close(): Promise<void> }> {
  const served = await servePage(name, { isolated });
  const { context, close } = await launchChromium();
  const page = await context.newPage();
  await page.goto(served.url);
  return {
    page,
    async close() {
      await close();
      served.close();
    },
  };
}

/** Bundles the sources. The fakes' cryptography is node:crypto's; a browser gets the same functions of @noble. */
export async function bundle(names: readonly string[]): Promise<Map<string, string>> {
  const bundler = await rolldown({
    input: Object.fromEntries(names.map((name) => [name, join(programs, `${name}.ts`)])),
    platform: "browser",
    resolve: {
      conditionNames: ["@attune/source", "browser", "import", "default"],
      extensionAlias: { ".js": [".ts", ".js"] },
    },
    plugins: [
      {
        name: "browser-crypto",
        resolveId: (specifier) =>
          /\/node-crypto(\.js)?$/.test(specifier) ? join(programs, "noble-crypto.ts") : undefined,
      },
    ],
  });
  try {
    const { output } = await bundler.generate({ format: "esm", entryFileNames: "[name].js" });
    return new Map(output.flatMap((file) => (file.type === "chunk" ? [[`/bundle/${file.fileName}`, file.code]] : [])));
  } finally {
    await bundler.close();
  }
}

interface Served {
  readonly html: string;
  readonly scripts: ReadonlyMap<string, string>;
  readonly headers: Record<string, string>;
  /** True where it answers the request itself. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => boolean;
}

function serve({ html, scripts, headers, answer }: Served): Promise<Server> {
  const server = createServer((request, response) => {
    if (answer(request, response)) return;
    const path = normalize(new URL(request.url ?? "/", "http://localhost").pathname);
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader("content-type", types[extname(path)] ?? "application/octet-stream");
    const script = scripts.get(path);
    const file = join(root, path);
    if (path === "/") response.setHeader("content-type", "text/html").end(html);
    else if (script !== undefined) response.end(script);
    else if (/^\/(packages\/ml\/kernels|assets\/extractor)\//.test(path) && existsSync(file))
      response.end(readFileSync(file));
    else response.writeHead(404).end();
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}
