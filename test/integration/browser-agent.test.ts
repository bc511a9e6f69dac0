// The whole agent core in a worker of a real Chromium, over the fakes' store, fleet and clock.
// A page speaks to the agent through the proxy.

import type { Page } from "playwright-core";
import { afterEach, expect, test } from "vitest";
import type { AgentHelpers } from "../browser/agent-page.js";
import { describeUnlessLacking } from "../requirements.js";
import { openPage } from "./chromium-page.js";
import { lackOfChromium } from "./chromium-program.js";

declare global {
  var agents: AgentHelpers;
}

let close: (() => Promise<void>) | undefined;
afterEach(() => close?.());

async function agentPage(isolated: boolean): Promise<Page> {
  const opened = await openPage("agent", { isolated });
  close = opened.close;
  await opened.page.waitForFunction(() => "agents" in globalThis);
  return opened.page;
}

/** One agent's life in the page, and what the page saw of it. */
function live() {
  const { open, sayings, until } = globalThis.agents;
  return (async () => {
    const first = open({ threads: 2 });
    const { agent } = first;
    const before = await agent.status();
    const early = await agent.predict({ text: "so happy" }).catch(({ name, code }) => `${name} ${code}`);
    const enrolment = await agent.enrol({ token: (await first.look()).token });
    const controller = new AbortController();
    const running = agent.start(controller.signal);
    await until(async () => (await agent.status()).updateState === "committed");
    const said = sayings(120, 1);
    const asked = { text: said[0]!.text, id: "asked" };
    const prior = await agent.predict(asked);
    for (const [i, one] of said.entries()) await agent.label({ ...one, split: i % 5 === 0 ? "holdout" : "train" });
    const learned = await agent.learn();
    const personal = await agent.predict(asked);
    const forgotten = await agent.forget(said[0]!.id);
    const again = await agent.forget(said[0]!.id);
    controller.abort();
    const stopped = await running;
    const unlearned = await agent.predict(asked);
    const after = await agent.status();
    const journal = await agent.journal();
    const { disk } = await first.look();
    agent.close();
    const late = await agent.status().catch(({ name, code }) => `${name} ${code}`);

    const { agent: restarted } = open({ disk, threads: 2 });
    const woken = await restarted.status();
    const remembered = await restarted.predict(asked);
    const sameJournal = JSON.stringify(await restarted.journal()) === JSON.stringify(journal);
    restarted.close();
    return {
      before,
      early,
      enrolment,
      prior,
      learned,
      personal,
      forgotten,
      again,
      unlearned,
      after,
      stopped: stopped === undefined,
      types: journal.map(({ type }) => type),
      late,
      woken,
      remembered,
      sameJournal,
    };
  })();
}

describeUnlessLacking("an agent in a browser's worker", await lackOfChromium(), () => {
  test.each([
    [true, /^kernels in WebAssembly with (relaxed )?SIMD on 2 threads$/],
    [false, /^kernels in WebAssembly with (relaxed )?SIMD on one thread instead of 2 \(this host shares no memory\)$/],
  ])("lives its whole life; isolated from other origins: %s", async (isolated, engine) => {
    const page = await agentPage(isolated);
    const life = await page.evaluate(live);
    expect(life.before).toMatchObject({ device: null, release: null, updateState: "idle" });
    expect(life.early).toBe("AppError NO_RELEASE");
    expect(life.after).toMatchObject({
      device: life.enrolment.device,
      release: { sequence: 1, model: "tiny", modelVersion: "1.0.1" },
      engine: { name: "wasm", why: expect.stringMatching(engine) },
      utterances: { train: 96, holdout: 23 },
    });
    expect(life.prior).toMatchObject({ id: "asked", head: "prior" });
    expect(life.learned).toMatchObject({ head: "personal", holdout: 24 });
    expect(life.learned.f1Personal).toBeGreaterThan(life.learned.f1Prior!);
    expect(life.personal.head).toBe("personal");
    expect(life.personal.probabilities).not.toEqual(life.prior.probabilities);
    expect([life.forgotten, life.again]).toEqual([{ removed: true, retrained: true }, { removed: false }]);
    expect(life.stopped).toBe(true);
    expect(life.types).toEqual(expect.arrayContaining(["enrol", "poll", "download", "report.metrics", "report.state"]));
    expect(life.late).toBe("AppError AGENT_NOT_RUNNING");
    const { release, utterances, device, epoch, sent, head } = life.after;
    expect(life.woken).toMatchObject({ release, utterances, device, epoch, sent, head, updateState: "committed" });
    expect({ ...life.remembered, ms: 0 }).toEqual({ ...life.unlearned, ms: 0 });
    expect(life.sameJournal).toBe(true);
  });

  test("refuses what the contract refuses, answers on, and rejects what it owes when it is closed", async () => {
    const page = await agentPage(false);
    const seen = await page.evaluate(async () => {
      const { agent, look } = globalThis.agents.open();
      const reason = (promise: Promise<unknown>) =>
        promise.then(
          () => "no error",
          ({ name, code, message }) => `${name} ${code}: ${message}`,
        );
      const longest = "\u{1f600}".repeat(8_192);
      const outcomes = [
        await reason(agent.label({ id: "a", text: longest, label: "joy" })),
        await reason(agent.label({ id: "a", text: `${longest}a`, label: "joy" })),
        await reason(agent.predict({ text: `${longest}a` })),
        await reason(agent.enrol({ token: "attune1.lost" })),
        await reason(agent.start(new AbortController().signal)),
      ];
      await agent.enrol({ token: (await look()).token });
      const aborted = await reason(agent.start(AbortSignal.abort()));
      const owed = reason(agent.start(new AbortController().signal));
      const { utterances } = await agent.status();
      agent.close();
      return { outcomes, aborted, utterances, owed: await owed };
    });
    expect(seen.outcomes).toEqual([
      "no error",
      "AppError INVALID_INPUT: text is longer than 8192 code points",
      "AppError INVALID_INPUT: text is longer than 8192 code points",
      expect.stringMatching(/^AppError TOKEN_INVALID: /),
      expect.stringMatching(/^AppError NOT_ENROLLED: /),
    ]);
    expect(seen.aborted).toBe("no error");
    expect(seen.utterances.train + seen.utterances.holdout).toBe(1);
    expect(seen.owed).toBe("AppError AGENT_NOT_RUNNING: the agent's worker was closed");
  });

  test("says so when its worker cannot be started", async () => {
    const page = await agentPage(false);
    const message = await page.evaluate(() =>
      globalThis.agents
        .open({ script: "/absent.js" })
        .agent.status()
        .then(
          () => "no error",
          (error: Error) => error.message,
        ),
    );
    expect(message).toBe("the agent's worker could not be started, or an error ended it");
  });
});
