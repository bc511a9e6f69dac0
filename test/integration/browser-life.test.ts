// The shipped worker in a real Chromium, against a real server: enrolled, updated, corrected, reported, loaded again,
// and offline. The page and its worker come from the server's own origin.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { firstContract } from "@attune/shared/contracts/egress";
import type { BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Life } from "../browser/life-page.js";
import { describeUnlessLacking } from "../requirements.js";
import { bundle, launchChromium } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";
import { openFront } from "./page-front.js";

declare global {
  var life: Life;
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const html = '<!doctype html><title>attune</title><script type="module" src="/app/page.js"></script>';
/** The policy under which the page will be served. */
const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
const text = "I never told anybody this, and now I cry";

const lack = await lackOfChromium();
let server: TestServer;
let pageScript: string;
const closing: (() => Promise<void>)[] = [];
/** The origin of each browser's page. */
const fronts = new Map<BrowserContext, string>();

beforeAll(async () => {
  if (lack !== undefined) return;
  server = await startTestServer();
  await createFleet(server, "home");
  const folder = join(root, "assets/extractor");
  const release = { model: "mine", modelVersion: "1.0.0", words: {}, egressContractVersion: firstContract };
  const { sequence } = await publishFolder(server.access, { folder, ...release });
  await askServer(server.access, (client) =>
    client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }),
  );
  pageScript = (await bundle(["life-page"])).get("/bundle/life-page.js")!;
});
afterAll(async () => {
  for (const close of closing) await close();
  await server?.stop();
});

/** `prelude` runs before the worker, and takes from it what an older browser lacks. */
async function openBrowser(prelude = ""): Promise<BrowserContext> {
  const front = await openFront({
    port: Number(new URL(server.access.httpUrl).port),
    headers: { "content-security-policy": policy },
    fileAt: (path) => fileAt(path, prelude),
  });
  const { context, close } = await launchChromium();
  closing.push(async () => {
    await close();
    front.close();
  });
  fronts.set(context, front.url);
  return context;
}

function fileAt(path: string, prelude: string): { body: string | Uint8Array; type: string } | undefined {
  const javascript = "text/javascript";
  if (path === "/app/") return { body: html, type: "text/html" };
  if (path === "/app/page.js") return { body: pageScript, type: javascript };
  if (path === "/app/worker.js") {
    const worker = readFileSync(join(root, "apps/edge-agent/dist/page-bundle/worker.js"), "utf8");
    return { body: prelude + worker, type: javascript };
  }
  const [, kernel] = /^\/app\/kernels\/([a-z0-9-]+\.wasm)$/.exec(path) ?? [];
  return kernel === undefined
    ? undefined
    : { body: readFileSync(join(root, "packages/ml/kernels/wasm", kernel)), type: "application/wasm" };
}

async function openLife(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(`${fronts.get(context)}/app/`);
  await page.waitForFunction(() => "life" in globalThis);
  return page;
}

const statusOf = (page: Page) => page.evaluate(() => globalThis.life.agent.status());
const journalOf = (page: Page) => page.evaluate(() => globalThis.life.agent.journal());
const predictOn = (page: Page) =>
  page.evaluate(async (text) => Object.values((await globalThis.life.agent.predict({ text })).probabilities), text);

/** Enrols and runs until the release is committed. */
async function enrol(page: Page): Promise<void> {
  const token = await createToken(server, "home");
  await page.evaluate(async (token) => {
    await globalThis.life.agent.enrol({ token });
    globalThis.life.start();
  }, token);
  await expect.poll(async () => (await statusOf(page)).release?.model).toBe("mine");
}

const reports = () => server.database.report.count();

describeUnlessLacking("the shipped worker in a browser", lack, () => {
  test("enrols, receives its release, predicts, is corrected, reports, and is itself again after a reload and offline", async () => {
    const context = await openBrowser();
    const page = await openLife(context);
    expect(await statusOf(page)).toMatchObject({ device: null, release: null });
    await enrol(page);
    const prior = await predictOn(page);
    await page.evaluate(async (text) => {
      for (let i = 0; i < 12; i++) {
        const label = i % 2 === 0 ? "sadness" : "joy";
        await globalThis.life.agent.label({ id: `u${i}`, text: i % 2 === 0 ? `${text} ${i}` : `so happy ${i}`, label });
      }
      await globalThis.life.agent.learn();
    }, text);
    const personal = await predictOn(page);
    expect(personal).not.toEqual(prior);
    // The reports pass through the server's WebSocket into the broker and the database.
    await expect.poll(reports).toBeGreaterThan(0);
    await expect.poll(async () => (await statusOf(page)).outbox.pending).toBe(0);
    const before = await statusOf(page);
    expect(before.utterances.train + before.utterances.holdout).toBe(12);
    expect(before.engine).toMatchObject({ name: "wasm", why: expect.stringMatching(/relaxed SIMD on one thread$/) });
    const journal = await journalOf(page);
    const types = journal.map(({ type }) => type);
    expect(types).toEqual(expect.arrayContaining(["enrol", "poll", "download", "report.state"]));
    expect(JSON.stringify(journal)).not.toContain("anybody");

    const second = await openLife(context);
    await expect(statusOf(second)).rejects.toThrow(/the agent runs in another tab/);
    await second.close();

    await page.reload();
    await page.waitForFunction(() => "life" in globalThis);
    const { device, epoch, utterances, release } = before;
    expect(await statusOf(page)).toMatchObject({ device, epoch, utterances, release });
    expect(await predictOn(page)).toEqual(personal);
    expect((await journalOf(page)).slice(0, journal.length)).toEqual(journal);

    await server.app.stop();
    await page.reload();
    await page.waitForFunction(() => "life" in globalThis);
    await page.evaluate(() => globalThis.life.start());
    expect(await predictOn(page)).toEqual(personal);
    await page.evaluate((text) => globalThis.life.agent.label({ id: "offline", text, label: "sadness" }), text);
    const polls = (await journalOf(page)).length;
    const stored = await restartAndCount();
    // The agent returns by itself.
    await expect.poll(async () => (await journalOf(page)).length).toBeGreaterThan(polls);
    await page.evaluate(() => globalThis.life.stop());
    expect((await statusOf(page)).utterances.train).toBeGreaterThan(0);
    expect(stored).toBeGreaterThan(0);
  });

  async function restartAndCount(): Promise<number> {
    await server.restart();
    return reports();
  }

  test.each([
    ["no relaxed SIMD", "WebAssembly.validate = () => false;", "wasm", /with SIMD on one thread$/],
    [
      "no SIMD",
      "WebAssembly.validate = () => false; WebAssembly.Module = function () { throw new Error(); };",
      "reference",
      /^plain TypeScript: This host's WebAssembly has no SIMD/,
    ],
    [
      "no WebAssembly",
      "delete globalThis.WebAssembly;",
      "reference",
      /^plain TypeScript: this browser has no WebAssembly$/,
    ],
  ])("a browser with %s passes the golden vectors and predicts the same", async (_, prelude, name, why) => {
    const [best, other] = [await openLife(await openBrowser()), await openLife(await openBrowser(`${prelude}\n`))];
    await enrol(best);
    await enrol(other);
    expect((await statusOf(other)).engine).toEqual({ name, why: expect.stringMatching(why) });
    const [expected, given] = [await predictOn(best), await predictOn(other)];
    const furthest = Math.max(...given.map((value, i) => Math.abs(value - expected[i]!)));
    expect(furthest).toBeLessThan(1e-3);
    await best.context().close();
    await other.context().close();
  });
});
