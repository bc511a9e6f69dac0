// Walks docs/own-labels.md: every command that the page shows, from a diary with eleven labels of its own to a
// correction on a device.

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { connectAgent } from "@attune/edge-agent/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startTestServer, type TestServer } from "../integration/harness.js";
import { root } from "./demo-process.js";

const phrases: Readonly<Record<string, readonly string[]>> = {
  calm: ["the lake was still", "tea by the window", "slow breathing helped"],
  tense: ["the exam is tomorrow", "my jaw was tight", "waiting for the call"],
  tired: ["barely slept at all", "my eyes kept closing", "dragged through the shift"],
  proud: ["finished the marathon", "my daughter won", "they praised my work"],
  lonely: ["ate dinner alone", "nobody wrote back", "the flat was empty"],
  grateful: ["she drove me home", "they kept my seat", "thank you for the soup"],
  bored: ["same meeting again", "nothing to do", "counted the ceiling tiles"],
  curious: ["how do bees navigate", "opened the old box", "read about black holes"],
  jealous: ["he got my promotion", "she danced with him", "their house is bigger"],
  hopeful: ["the interview went well", "spring is coming", "maybe it will work"],
  homesick: ["missed my mother's kitchen", "heard our old dialect", "the photo of our street"],
};
const frames = ["Today, %.", "This morning %.", "Again %.", "I think that %.", "% all day.", "At night %."];
const more = ["On the train home: %.", "Just now %!", "Dear diary, %.", "So %, as ever.", "Honestly, %.", "Well, %."];

let folder: string;
let server: TestServer;
let daemon: ChildProcess | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "attune-own-labels-"));
  const rows = Object.entries(phrases).flatMap(([label, said]) =>
    said.flatMap((phrase) => [...frames, ...more].map((frame) => [frame.replace("%", phrase), label])),
  );
  writeFileSync(
    join(folder, "diary.csv"),
    `text,label\n${rows.map(([text, label]) => `"${text}",${label}\n`).join("")}`,
  );
  const words = new Set(rows.flatMap(([text]) => text!.toLowerCase().match(/[a-z]+/g)!));
  const letters = [..."abcdefghijklmnopqrstuvwxyz"];
  const pieces = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "[MASK]",
    ...".,:!'",
    ...letters,
    ...letters.map((c) => `##${c}`),
  ];
  writeFileSync(join(folder, "vocab.txt"), [...new Set([...pieces, ...words])].join("\n"));
  server = await startTestServer();
});
afterAll(async () => {
  if (daemon !== undefined) {
    const exit = once(daemon, "exit");
    daemon.kill("SIGTERM");
    await exit;
  }
  await server?.stop();
  await rm(folder, { recursive: true, force: true });
});

const environment = () => ({
  ...process.env,
  ATTUNE_HOME: server.home.home,
  ATTUNE_AGENT_HOME: join(folder, "agent"),
  PATH: `${join(root, "node_modules/.bin")}${delimiter}${process.env.PATH}`,
});

/** The command lines of the page, as a shell takes them on this machine. */
function commandsOfPage(): string[] {
  const page = readFileSync(join(root, "docs/own-labels.md"), "utf8");
  const blocks = [...page.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block]) => block!);
  return blocks
    .flatMap((block) => block.trim().split("\n"))
    .map((line) => line.replaceAll("npx ", "").replace("http://127.0.0.1:7310", server.app.httpUrl));
}

async function run(line: string): Promise<string> {
  if (line === "attune-agent run") {
    daemon = spawn(join(root, "node_modules/.bin/attune-agent"), ["run"], {
      cwd: folder,
      env: environment(),
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [ready] = await once(daemon.stdout!, "data");
    const agent = connectAgent({ home: join(folder, "agent") });
    await expect.poll(() => agent.status(), { timeout: 300_000 }).toMatchObject({ updateState: "committed" });
    return String(ready);
  }
  const { stdout } = await promisify(execFile)("bash", ["-eo", "pipefail", "-c", line], {
    cwd: folder,
    env: environment(),
  });
  return stdout;
}

test("the page leads from a table of eleven labels to a device that answers in them and learns a correction", async () => {
  const printed = new Map<string, string>();
  const lines = commandsOfPage();
  for (const line of lines) printed.set(line, await run(line));
  expect(lines.map((line) => /attune(-agent)? [a-z]+/.exec(line)?.[0])).toEqual([
    "attune pretrain",
    "attune extractor",
    "attune publish",
    "attune fleet",
    "attune rollout",
    "attune token",
    "attune-agent run",
    "attune-agent predict",
    "attune-agent label",
    "attune-agent predict",
  ]);
  expect(printed.get(lines[7]!)).toMatch(/^(Not sure: )?Missing home/);
  expect(printed.get(lines[9]!)).toMatch(/^(Not sure: )?Missing home/);

  const agent = connectAgent({ home: join(folder, "agent") });
  const { release, waiting, utterances } = await agent.status();
  expect(release?.labels.map(({ slug }) => slug).toSorted()).toEqual(Object.keys(phrases).toSorted());
  expect({ waiting, train: utterances.train }).toEqual({ waiting: [], train: 1 });
  const { probabilities } = await agent.predict({ text: "Today, finished the marathon." });
  expect(Object.keys(probabilities)).toHaveLength(11);
  await expect(agent.label({ id: "a", text: "well", label: "joy" })).rejects.toMatchObject({ code: "INVALID_INPUT" });
});
