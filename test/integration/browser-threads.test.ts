// The kernels on several threads in a real Chromium. Threads share a memory where the page is isolated from other
// origins; elsewhere one thread computes.

import { expect, test } from "vitest";
import type { ThreadsAnswer, ThreadsQuestion } from "../browser/threads-worker.js";
import { describeUnlessLacking } from "../requirements.js";
import { openPage } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

declare global {
  var ask: (question: ThreadsQuestion) => Promise<ThreadsAnswer>;
}

async function computed(isolated: boolean): Promise<ThreadsAnswer> {
  const { page, close } = await openPage("threads", { isolated });
  try {
    await page.waitForFunction(() => "ask" in globalThis);
    return await page.evaluate(() => globalThis.ask({ threads: 2, tokens: 14, rounds: 200 }));
  } finally {
    await close();
  }
}

describeUnlessLacking("in Chromium", await lackOfChromium(), () => {
  test("threads compute the same bits in an isolated page's worker", async () => {
    const { build, why, features, medianMs } = await computed(true);
    expect(why).toMatch(/^kernels in WebAssembly with (relaxed )?SIMD on 2 threads$/);
    expect(features[0].length).toBeGreaterThan(0);
    expect(features[1]).toEqual(features[0]);
    const [alone, shared] = medianMs.map((ms) => ms.toFixed(2));
    process.stderr.write(`Chromium (${build} SIMD), 14 tokens: ${alone} ms on one thread, ${shared} ms on two\n`);
  });

  test("one thread computes in a page that is not isolated, and the team says why", async () => {
    const { why, features } = await computed(false);
    expect(why).toMatch(/ on one thread instead of 2 \(this host shares no memory\)$/);
    expect(features[1]).toEqual(features[0]);
  });
});
