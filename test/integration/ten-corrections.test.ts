// The walk of the README: ten corrections of nearly the same sentence, with the bundled extractor and no server. Each
// moves the next prediction.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeAgentHome } from "@attune/bench/agent-home";
import type { Agent } from "@attune/edge-agent/core/agent-api";
import { homePaths } from "@attune/edge-agent/node/home";
import { openAgent } from "@attune/edge-agent/node/open-agent";
import { afterEach, beforeEach, expect, test } from "vitest";

let folder: string;
let agent: Agent;
let close: () => Promise<void>;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-ten-"));
  const home = join(folder, "home");
  await writeAgentHome(home, "bundled");
  const options = { server: "http://127.0.0.1:9", outboxLimit: 100, threads: 1, log: () => {} };
  ({ agent, close } = await openAgent({ ...options, paths: homePaths(home) }));
});
afterEach(async () => {
  await close();
  await rm(folder, { recursive: true });
});

test("Ten corrections take a sentence that nobody labelled from joy to anger, each of them a step nearer.", async () => {
  const readme = await readFile(new URL("../../README.md", import.meta.url), "utf8");
  const sentences = /<<'END'\n([\s\S]*?)\nEND\n/.exec(readme)![1]!.split("\n");
  expect(sentences).toHaveLength(10);
  const text = "Great, it is raining again";
  expect(readme).toContain(`echo "${text}"`);
  const first = await agent.predict({ text });
  expect(first).toMatchObject({ label: "joy", head: "prior" });
  let chance = first.probabilities.anger!;
  for (const [i, sentence] of sentences.entries()) {
    await agent.label({ id: `note-${i + 1}`, text: sentence, label: "anger" });
    const { probabilities } = await agent.predict({ text });
    expect(probabilities.anger).toBeGreaterThan(chance);
    chance = probabilities.anger!;
  }
  expect(await agent.predict({ text })).toMatchObject({ label: "anger", head: "personal" });
  expect(await agent.predict({ text: "I love this song" })).toMatchObject({ label: "joy" });
  const { mixture } = await agent.status();
  expect(mixture?.labels).toBe(10);
  expect(mixture!.behindBest).toBeLessThanOrEqual(mixture!.atMost);
});
