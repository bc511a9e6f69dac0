// The kernels on several threads in a real Chromium: where the page is isolated from other origins they share a memory, elsewhere one thread computes.
import { expect, test } from "vitest";
import { describeUnlessLacking } from "../requirements.js";
import { openPage } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

interface Answer {
  readonly build: string;
  readonly failure: string | undefined;
  readonly features: readonly [alone: number[], shared: number[]];
  readonly medianMs: readonly [alone: number, shared: number];
}
declare global {
  var ask: (question: { threads: number; tokens: number; rounds: number }) => Promise<Answer>;
}

async function computed(isolated: boolean): Promise<Answer> {
  const { page, close } = await openPage("/test/integration/browser-threads-page.js", { isolated });
  try {
    await page.waitForFunction(() => "ask" in globalThis);
    return await page.evaluate(() => globalThis.ask({ threads: 2, tokens: 14, rounds: 200 }));
  } finally {
    await close();
  }
}

describeUnlessLacking("in Chromium", await lackOfChromium(), () => {
  test("threads compute the same bits in an isolated page's worker", async () => {
    const { build, failure, features, medianMs } = await computed(true);
    expect(failure).toBeUndefined();
    expect(features[0].length).toBeGreaterThan(0);
    expect(features[1]).toEqual(features[0]);
    const [alone, shared] = medianMs.map((ms) => ms.toFixed(2));
    process.stderr.write(`Chromium (${build} SIMD), 14 tokens: ${alone} ms on one thread, ${shared} ms on two\n`);
  });

  test("one thread computes in a page that is not isolated, and the team says why", async () => {
    const { failure, features } = await computed(false);
    expect(failure).toBe("this host shares no memory");
    expect(features[1]).toEqual(features[0]);
  });
});
