// The page that a daemon serves to its person, in a real Chromium: entries are written, learned, found, corrected and
// deleted.

import { createLocalApi, listenLocally } from "@attune/edge-agent/node/local-api";
import { createDevice, type Device } from "@attune/fakes/device";
import { createTinyRelease, sayings } from "@attune/fakes/tiny-release";
import { localRoutes, pageRoutes } from "@attune/shared/contracts/local-routes";
import axe from "axe-core";
import type { BrowserContext, Page } from "playwright-core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { describeUnlessLacking } from "../requirements.js";
import { launchChromium } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

const token = "a".repeat(64);
const auth = { authorization: `Bearer ${token}` };
const phone = { width: 320, height: 640 };

let device: Device;
let url: string;
let context: BrowserContext;
const closings: (() => Promise<unknown>)[] = [];

async function prepare(): Promise<void> {
  device = createDevice();
  await device.enrol();
  const stop = device.start();
  device.fleet.publish(createTinyRelease());
  await device.clock.until(async () => (await device.agent.status()).release?.sequence === 1, 100 * 3_600_000);
  await stop();
  const api = createLocalApi({
    agent: device.agent,
    tokens: { all: token, predict: "e".repeat(64) },
    log: () => undefined,
  });
  url = await listenLocally(api, 0);
  const launched = await launchChromium();
  context = launched.context;
  closings.push(launched.close, () => api.close());
}

async function newLink(): Promise<string> {
  const { method, path } = pageRoutes.openLink;
  const reply = await fetch(new URL(path, url), { method, headers: auth });
  return ((await reply.json()) as { url: string }).url;
}

async function opened(colorScheme: "light" | "dark" = "light"): Promise<Page> {
  const page = await context.newPage();
  await page.setViewportSize(phone);
  await page.emulateMedia({ colorScheme });
  await page.goto(await newLink());
  await page.getByRole("heading", { level: 1 }).waitFor();
  return page;
}

async function write(page: Page, text: string): Promise<void> {
  await page.getByLabel("Your entry").fill(text);
  await page.getByText(/^(Sounds like|Not sure)/).waitFor();
}

const screens = ["write", "diary", "learned", "left", "device"] as const;

describeUnlessLacking("a device's page", await lackOfChromium(), () => {
  beforeEach(prepare);
  afterEach(async () => {
    for (const close of closings.splice(0)) await close();
  });

  test("shows the emotion while an entry is written, and learns by one tap", async () => {
    const page = await opened();
    await write(page, "so happy");
    const { label } = await device.agent.predict({ text: "so happy" });
    await page.getByRole("button", { name: `Yes, ${label}` }).click();
    await expect.poll(() => page.getByRole("status").textContent()).toMatch(new RegExp(`^Saved as ${label}`));
    const { entries } = await device.agent.entries();
    expect(entries).toMatchObject([{ text: "so happy", label, said: expect.stringMatching(/^\d{4}-\d\d-\d\dT/) }]);
    expect(await page.getByLabel("Your entry").inputValue()).toBe("");
  });

  test("corrects an emotion by one tap, and keeps an entry without any", async () => {
    const page = await opened();
    await write(page, "so happy");
    await page.getByRole("button", { name: "anger", exact: true }).click();
    await page.getByText("Saved as anger").waitFor();
    await write(page, "so so");
    await page.getByRole("button", { name: "Save without an emotion" }).click();
    await page.getByText("Saved without an emotion").waitFor();
    const { entries } = await device.agent.entries();
    expect(new Map(entries.map(({ text, label }) => [text, label]))).toEqual(
      new Map([
        ["so happy", "anger"],
        ["so so", null],
      ]),
    );
  });

  test("finds entries in the diary, changes one and deletes one for good", async () => {
    await device.agent.label({ id: "a", text: "a lovely day", label: "joy", said: "2026-03-01T12:00:00+01:00" });
    await device.agent.label({ id: "b", text: "rain again", label: "sadness", said: "2026-03-02T12:00:00+01:00" });
    const page = await opened();
    await page.getByRole("link", { name: "Diary" }).click();
    const card = (text: string) => page.getByRole("listitem").filter({ hasText: text });
    await card("a lovely day").waitFor();
    await page.getByLabel("Search your entries").fill("RAIN");
    await expect.poll(() => card("a lovely day").count()).toBe(0);
    await card("rain again").getByRole("button", { name: "Change the emotion" }).click();
    await card("rain again").getByRole("button", { name: "anger" }).click();
    await page.getByText("Changed to anger").waitFor();
    await page.getByLabel("Search your entries").fill("");
    await page.getByRole("button", { name: /March 1, 2026: 1 entry, mostly joy/ }).click();
    await expect.poll(() => card("rain again").count()).toBe(0);
    await card("a lovely day").getByRole("button", { name: "Delete" }).click();
    await card("a lovely day").getByRole("button", { name: "Delete for good" }).click();
    await page.getByText("Deleted.").waitFor();
    expect((await device.agent.entries()).entries).toMatchObject([{ id: "b", label: "anger" }]);
  });

  test("shows every message that left, word for word", async () => {
    const page = await opened();
    await page.goto(`${url}/#/left`);
    await page.getByText("None of them holds a word of yours.").waitFor();
    const journal = await device.agent.journal();
    const lines = page.locator(".journal li");
    await expect.poll(() => lines.count()).toBe(journal.length);
    await lines.last().locator("summary").click();
    const shown = await lines.last().textContent();
    for (const [name, value] of Object.entries(journal[0]!.message)) {
      if (name !== "type" && name !== "contract") expect(shown).toContain(`${name}${value}`);
    }
  });

  test("passes the rules of WCAG 2.2 AA on every screen at 320 px, in light and dark, and never scrolls sideways", async () => {
    for (const { id, text, label } of sayings(4, 1)) {
      await device.agent.label({ id, text, label, said: "2026-03-02T12:00:00+01:00" });
    }
    for (const scheme of ["light", "dark"] as const) {
      const page = await opened(scheme);
      await page.evaluate(axe.source);
      for (const screen of screens) {
        await page.goto(`${url}/#/${screen}`);
        if (screen === "write") await write(page, "so happy");
        await page.getByText("Loading").waitFor({ state: "detached" });
        expect({ screen, scheme, faults: await faultsOf(page) }).toEqual({ screen, scheme, faults: [] });
        const isWide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
        expect({ screen, isWide }).toEqual({ screen, isWide: false });
      }
      await page.close();
    }
  });

  test("is used by the keyboard alone", async () => {
    const page = await opened();
    await page.keyboard.press("Tab");
    await page.keyboard.type("so happy");
    await page.getByText(/^(Sounds like|Not sure)/).waitFor();
    const isButton = () => page.evaluate(() => document.activeElement?.textContent ?? "");
    await page.keyboard.press("Tab");
    expect(await isButton()).toMatch(/^Yes, /);
    await page.keyboard.press("Enter");
    await page.getByText(/^Saved as/).waitFor();
    expect((await device.agent.entries()).entries).toHaveLength(1);
  });

  test("opens by a link once, stays open over a reload, and shows nothing without a link", async () => {
    const link = await newLink();
    const page = await context.newPage();
    await page.goto(link);
    await page.getByLabel("Your entry").waitFor();
    expect(page.url()).not.toContain("enter");
    await page.reload();
    await page.getByLabel("Your entry").waitFor();
    for (const address of [link, url]) {
      const other = await context.newPage();
      await other.goto(address);
      await other.getByText("attune-agent ui").waitFor();
      expect(await other.getByLabel("Your entry").count()).toBe(0);
    }
  });

  test("asks no other address, and no other page may ask the agent", async () => {
    const page = await context.newPage();
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).origin));
    await page.goto(await newLink());
    await write(page, "so happy");
    expect([...new Set(asked)]).toEqual([url.replace(/\/$/, "")]);
    const foreign = await page.evaluate(() =>
      Promise.all(
        ["http://127.0.0.1:9/", "https://example.org/"].map((address) =>
          fetch(address).then(
            () => "answered",
            () => "refused",
          ),
        ),
      ),
    );
    expect(foreign).toEqual(["refused", "refused"]);
    const script = await page.evaluate(() => {
      try {
        document.body.innerHTML = "<img src=x onerror=alert(1)>";
        return "set";
      } catch {
        return "refused";
      }
    });
    expect(script).toBe("refused");
    const { method, path } = localRoutes.status;
    for (const origin of ["http://127.0.0.1:1", "null", "https://example.org"]) {
      const reply = await fetch(new URL(path, url), { method, headers: { ...auth, origin } });
      expect(reply.status).toBe(403);
    }
  });
});

async function faultsOf(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: typeof import("axe-core") };
    const { violations } = await axe.run(document, {
      runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
      rules: { "target-size": { enabled: true } },
    });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`),
    );
  });
}
