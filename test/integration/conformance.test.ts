// Each adapter of Node and its counterpart in a real Chromium pass through the same cases, and are killed in mid-write.

import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAesCipher } from "@attune/edge-agent/node/aes-cipher";
import { openLevelStore } from "@attune/edge-agent/node/level-store";
import { createDeviceKey } from "@attune/edge-agent/node/nkey";
import { createNodeFiles } from "@attune/edge-agent/node/node-files";
import { createNodeHashing } from "@attune/edge-agent/node/node-hashing";
import { isIntact, lookAtWreck, type Wreck } from "@attune/fakes/conformance/crash";
import { cryptoCases } from "@attune/fakes/conformance/crypto-cases";
import { filesCases } from "@attune/fakes/conformance/files-cases";
import type { ConformingHome } from "@attune/fakes/conformance/home";
import { storeCases } from "@attune/fakes/conformance/store-cases";
import type { Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { Conformance } from "../browser/conformance-page.js";
import { describeUnlessLacking } from "../requirements.js";
import { launchChromium, openPage, servePage } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

declare global {
  var conformance: Conformance;
}

const cases = [...storeCases, ...filesCases, ...cryptoCases];

describe("Node's adapters", () => {
  let directory: string;
  const closing: (() => Promise<void>)[] = [];
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "attune-conformance-"));
  });
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
    rmSync(directory, { recursive: true, force: true });
  });

  async function openHome(): Promise<ConformingHome> {
    const key = new Uint8Array(32).fill(5);
    const store = await openLevelStore(join(directory, "store"));
    closing.push(() => store.close());
    return {
      store,
      files: createNodeFiles(directory),
      cipher: createAesCipher(key),
      hashing: createNodeHashing(key),
      deviceKey: createDeviceKey(join(directory, "device.seed")),
      async reopen() {
        await store.close();
        return openHome();
      },
    };
  }

  test.each(cases)("$name", async ({ observe, expected }) => {
    expect(await observe(await openHome())).toEqual(expected);
  });

  test.each([1, 7, 20])(
    "killed in mid-write after round %i, leave whole writes and all that were confirmed",
    async (round) => {
      const script = fileURLToPath(new URL("crash-writer.js", import.meta.url));
      const writer = spawn(process.execPath, [script, directory], { stdio: ["ignore", "pipe", "inherit"] });
      let heard = 0;
      await new Promise<void>((resolve) => {
        writer.stdout.on("data", (lines) => {
          heard = Number(String(lines).trim().split("\n").at(-1));
          if (heard >= round) writer.kill("SIGKILL");
        });
        writer.on("exit", () => resolve());
      });
      expect(heard).toBeGreaterThanOrEqual(round);
      const wreck = await lookAtWreck(await openHome());
      expect([wreck, isIntact(wreck, heard)]).toEqual([wreck, true]);
    },
  );
});

describeUnlessLacking("the browser's adapters", await lackOfChromium(), () => {
  let page: Page;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ page, close } = await openPage("conformance"));
  });
  afterAll(() => close?.());

  const obey = (worker: number, order: Parameters<Conformance["obey"]>[1]) =>
    page.evaluate(([number, given]) => globalThis.conformance.obey(number, given), [worker, order] as const);

  test.each(cases)("$name", async ({ name, expected }) => {
    expect(await obey(1, { kind: "observe", name })).toEqual(expected);
  });

  test.each([1, 7, 20])(
    "a worker killed in mid-write after round %i leaves whole writes and all that were confirmed",
    async (round) => {
      const home = `crash ${round}`;
      const heard = await page.evaluate(([name, at]) => globalThis.conformance.writeUntil(name, at), [
        home,
        round,
      ] as const);
      const wreck = (await obey(2, { kind: "look", home })) as Wreck;
      expect([wreck, isIntact(wreck, heard)]).toEqual([wreck, true]);
    },
  );

  test("a browser killed in mid-write leaves whole writes and all that were confirmed", async () => {
    const served = await servePage("conformance");
    const profile = mkdtempSync(join(tmpdir(), "attune-profile-"));
    try {
      const first = await launchChromium({ profile });
      const writing = await first.context.newPage();
      await writing.goto(served.url);
      await writing.evaluate(() => globalThis.conformance.startWriting("home"));
      const heardOf = () => writing.evaluate(() => globalThis.conformance.heard());
      await expect.poll(heardOf).toBeGreaterThanOrEqual(10);
      const heard = await heardOf();
      const closed = new Promise((resolve) => first.context.once("close", resolve));
      process.kill(browserOf(profile), "SIGKILL");
      await closed;
      const second = await launchChromium({ profile });
      const reading = await second.context.newPage();
      await reading.goto(served.url);
      const wreck = (await reading.evaluate(() =>
        globalThis.conformance.obey(1, { kind: "look", home: "home" }),
      )) as Wreck;
      await second.close();
      // The writer continued between the last answer and the kill.
      expect(wreck.stored).toBeGreaterThanOrEqual(heard);
      expect([wreck, isIntact(wreck, wreck.appended)]).toEqual([wreck, true]);
    } finally {
      served.close();
      rmSync(profile, { recursive: true, force: true });
    }
  });

  const always = ["storage that the browser keeps when it needs room"];
  test.each([
    [undefined, [], []],
    ["locks", ["Web Locks, which keep two tabs apart"], []],
    ["database", ["durable writes to IndexedDB", "keys in IndexedDB that cannot be extracted"], []],
    ["strict", ["durable writes to IndexedDB", "keys in IndexedDB that cannot be extracted"], []],
    ["clonedKeys", ["keys in IndexedDB that cannot be extracted"], []],
    ["ed25519", ["Ed25519 in WebCrypto"], []],
    ["room", ["room: 20 MB of 40 MB"], []],
    ["statement", [], ["a statement of the room that is left"]],
    ["relaxed", [], ["relaxed SIMD in WebAssembly"]],
    ["simd", [], ["SIMD in WebAssembly"]],
    ["webAssembly", [], ["SIMD in WebAssembly"]],
  ] as const)("the probe of a browser without %s names what is missing", async (without, lacks, warnings) => {
    const judged = await obey(7, { kind: "probe", ...(without && { without }) });
    await page.evaluate(() => globalThis.conformance.end(7));
    expect(judged).toEqual({ lacks, warnings: [...always, ...warnings] });
  });

  test("the probe of a page over plain HTTP names the secure context", async () => {
    const served = await servePage("conformance");
    const { context, close } = await launchChromium({ more: ["--host-resolver-rules=MAP phone.test 127.0.0.1"] });
    const insecure = await context.newPage();
    await insecure.goto(served.url.replace("127.0.0.1", "phone.test"));
    const judged = await insecure.evaluate(() => globalThis.conformance.obey(1, { kind: "probe" }));
    await close();
    served.close();
    expect(judged).toEqual({ lacks: ["a secure context: HTTPS, or this machine's own address"], warnings: [] });
  });

  test("a database that the browser closed is opened again, and one that it emptied is reported", async () => {
    await obey(3, { kind: "open", home: "dropped" });
    await obey(3, { kind: "put", text: "kept" });
    await page.evaluate(() => globalThis.conformance.disturb("dropped"));
    expect(await obey(3, { kind: "get", text: "" })).toBe("kept");
    await page.evaluate(() => globalThis.conformance.remove("dropped"));
    expect(await obey(3, { kind: "put", text: "again" })).toMatch(/^fault: STORE_CORRUPT: the browser has deleted/);
    expect(await obey(3, { kind: "get", text: "" })).toMatch(/^fault: STORE_CORRUPT/);
    await page.evaluate(() => globalThis.conformance.end(3));
  });

  test("a newer version takes the database over while an older one runs, which says so", async () => {
    await obey(4, { kind: "open", home: "upgraded" });
    await page.evaluate(() => globalThis.conformance.upgrade("upgraded"));
    expect(await obey(4, { kind: "put", text: "old" })).toMatch(/^fault: CONFLICT: a newer version of this page/);
  });

  test("one worker holds a home, another is refused, and takes it over once the first has ended", async () => {
    expect(await obey(5, { kind: "open", home: "locked" })).toBe("open");
    expect(await obey(6, { kind: "open", home: "locked" })).toMatch(
      /^fault: HOME_IN_USE: the agent runs in another tab/,
    );
    const waiting = obey(6, { kind: "open", home: "locked" });
    await page.evaluate(() => globalThis.conformance.end(5));
    expect(await waiting).toBe("open");
  });
});

/** The process of the browser that uses the profile, as Linux lists it. */
function browserOf(profile: string): number {
  const numbers = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  const found = numbers.find((number) => {
    try {
      const line = readFileSync(`/proc/${number}/cmdline`, "utf8");
      return line.includes(`--user-data-dir=${profile}`) && !line.includes("--type=");
    } catch {
      return false;
    }
  });
  return Number(found);
}
