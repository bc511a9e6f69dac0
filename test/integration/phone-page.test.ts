// The page of a phone in a real Chromium, as the server serves it. Its person enrols it, uses it, and opens it again
// without a network. It reaches no other address.

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { askServer } from "@attune/server/client/fleet-client";
import { publishFolder } from "@attune/server/client/publish-folder";
import { firstContract } from "@attune/shared/contracts/egress";
import axe from "axe-core";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { describeUnlessLacking } from "../requirements.js";
import { launchChromium } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";
import { createFleet, createToken, startTestServer, type TestServer } from "./harness.js";

const lack = await lackOfChromium();
let server: TestServer;
const closing: (() => Promise<void>)[] = [];

beforeAll(async () => {
  if (lack !== undefined) return;
  server = await startTestServer();
  await createFleet(server, "home");
  const folder = join(fileURLToPath(new URL("../..", import.meta.url)), "assets/extractor");
  const release = { model: "mine", modelVersion: "1.0.0", words: {}, egressContractVersion: firstContract };
  const { sequence } = await publishFolder(server.access, { folder, ...release });
  await askServer(server.access, (client) =>
    client.rollout.create.mutate({ fleet: "home", releaseSequence: sequence }),
  );
});
afterAll(async () => {
  for (const close of closing) await close();
  await server?.stop();
});

async function openPhone(): Promise<Page> {
  const { context, close } = await launchChromium();
  closing.push(close);
  const page = await context.newPage();
  await page.setViewportSize({ width: 360, height: 640 });
  await page.goto(`${server.access.httpUrl}/app`);
  await page.getByRole("heading", { name: "Enrol this device" }).waitFor();
  return page;
}

async function enrol(page: Page): Promise<void> {
  await page.getByLabel("Token").fill(await createToken(server, "home"));
  await page.getByRole("button", { name: "Enrol" }).click();
  await page.getByLabel("Your entry").waitFor({ timeout: 120_000 });
}

const hint = (page: Page) => page.getByText(/^(Sounds like|Not sure)/);

async function faultsOf(page: Page): Promise<string[]> {
  // The policy admits no script from elsewhere; the debugger's own is none of the page's.
  await page.evaluate(axe.source);
  return page.evaluate(async () => {
    const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"],
    });
    return violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
}

describeUnlessLacking("the page of a phone", lack, () => {
  test("enrols by a token, shows the emotion while its person writes, learns, and lives on without a network", async () => {
    const page = await openPhone();
    expect(await faultsOf(page)).toEqual([]);
    await page.getByLabel("Token").fill("attune1.no.token");
    await page.getByRole("button", { name: "Enrol" }).click();
    expect(await page.getByRole("alert").textContent()).toMatch(/token/i);
    await enrol(page);
    await page.getByLabel("Your entry").fill("I never told anybody this, and now I cry");
    await hint(page).waitFor();
    await page.getByRole("button", { name: /^Yes, / }).click();
    await expect.poll(() => page.getByText(/^Saved as/).textContent()).toMatch(/^Saved as/);
    await page.getByRole("link", { name: "Sent" }).click();
    await page.getByText(/None of them holds a word of yours/).waitFor();
    await page.waitForFunction(async () => (await navigator.serviceWorker.ready).active?.state === "activated");

    await server.app.stop();
    await page.goto(`${server.access.httpUrl}/app/#/diary`);
    await page.reload();
    await page.getByText("I never told anybody this, and now I cry").waitFor();
    await page.getByRole("link", { name: "Write" }).click();
    await page.getByLabel("Your entry").fill("so happy today");
    await hint(page).waitFor();
    await page.getByRole("button", { name: /^Yes, / }).click();
    await page.getByText(/^Saved as/).waitFor();
    await server.restart();
  });

  test("opens with the token of a link, and spends it at a tap alone", async () => {
    const page = await openPhone();
    const token = await createToken(server, "home");
    await page.goto(`${server.access.httpUrl}/app/#enrol=${token}`);
    await page.reload();
    expect(await page.getByLabel("Token").inputValue()).toBe(token);
    await page.getByRole("button", { name: "Enrol" }).click();
    await page.getByLabel("Your entry").waitFor({ timeout: 120_000 });
    expect(page.url()).not.toContain("attune1");
  });

  test("reaches no other address by fetch, WebSocket, image, beacon, prefetch, frame or navigation", async () => {
    const seen: string[] = [];
    const stranger = createServer((request, response) => {
      seen.push(`${request.method} ${request.url}`);
      response.end("seen");
    });
    stranger.on("upgrade", (_request, socket) => {
      seen.push("upgrade");
      socket.destroy();
    });
    await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
    const elsewhere = `http://127.0.0.1:${(stranger.address() as AddressInfo).port}/`;
    const page = await openPhone();
    await page.evaluate(async (elsewhere) => {
      const attempts: (() => unknown)[] = [
        () => fetch(elsewhere, { mode: "no-cors" }),
        () => new WebSocket(elsewhere.replace("http", "ws")),
        () => Object.assign(new Image(), { src: `${elsewhere}image` }),
        () => navigator.sendBeacon(`${elsewhere}beacon`, "text"),
        () =>
          document.head.append(
            Object.assign(document.createElement("link"), { rel: "prefetch", href: `${elsewhere}prefetch` }),
          ),
        () => document.body.append(Object.assign(document.createElement("iframe"), { src: `${elsewhere}frame` })),
        () => Object.assign(document.createElement("a"), { href: `${elsewhere}navigation` }).click(),
      ];
      for (const attempt of attempts) {
        try {
          await attempt();
        } catch {
          // Refused at once.
        }
      }
    }, elsewhere);
    // By the time that this request is there, those before it would be, too.
    await fetch(`${elsewhere}last`);
    await expect.poll(() => seen).toContain("GET /last");
    await page.waitForLoadState("networkidle").catch(() => undefined);
    stranger.close();
    expect(seen).toEqual(["GET /last"]);
  });
});
