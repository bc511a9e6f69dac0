import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  isAlive,
  pidIn,
  reportsInJournal,
  type SampleRow,
  sampleRows,
  startDemo,
  storedUtterances,
  temporaryFolder,
  until,
  writePeople,
} from "./demo-process.js";

// Two people with shortened lives: long enough for several reports, short enough to be killed in many ways.
const people = ["Maeve", "Edmund"];
const data = temporaryFolder("kill-people");
const slugs = people.map((name) => name.toLowerCase());

interface Ending {
  readonly utterances: readonly number[];
  readonly reports: readonly unknown[];
}

function shortened(split: "train" | "dev", count: number): SampleRow[] {
  return people.flatMap((name) =>
    sampleRows(split)
      .filter(({ speaker }) => speaker === name)
      .slice(0, count),
  );
}

async function endingOf(home: string, stdout: string): Promise<Ending> {
  const result = JSON.parse(stdout) as { people: { utterances: number }[] };
  const reports = await Promise.all(slugs.map((slug) => reportsInJournal(join(home, "agents", slug))));
  return { utterances: result.people.map(({ utterances }) => utterances), reports };
}

let uninterrupted: Ending;
const leftovers: number[] = [];

beforeAll(async () => {
  writePeople(data, { train: shortened("train", 105), dev: shortened("dev", 25) });
  const home = temporaryFolder("kill-none");
  const { code, stdout, stderr } = await startDemo(["--data", data, "--home", home, "--json"]).ended;
  expect(stderr.match(/^.*error .*$/gm)).toBeNull();
  expect(code).toBe(0);
  uninterrupted = await endingOf(home, stdout);
});

afterAll(() => {
  for (const pid of leftovers) if (isAlive(pid)) process.kill(pid, "SIGKILL");
});

/** The process id that each part leaves. A server started by root may keep the cluster elsewhere; a file names the place then. */
function pidOf(part: string, home: string): number | undefined {
  switch (part) {
    case "an agent":
      return pidIn(join(home, "agents", slugs[0] as string, "local-api.json"));
    case "the server":
      return pidIn(join(home, "server/ready.json"));
    case "nats-server":
      return pidIn(join(home, "server/nats/nats-server.pid"));
    case "PostgreSQL":
      return pidIn(join(clusterOf(home), "postmaster.pid"));
    default:
      throw new Error(`no such part: ${part}`);
  }
}

function clusterOf(home: string): string {
  const pointer = join(home, "server/postgres-location.json");
  if (!existsSync(pointer)) return join(home, "server/postgres");
  return (JSON.parse(readFileSync(pointer, "utf8")) as { dataDirectory: string }).dataDirectory;
}

const lived = async (home: string) =>
  Math.max(...(await Promise.all(slugs.map((slug) => storedUtterances(join(home, "agents", slug))))));

test.each([["an agent"], ["the server"], ["nats-server"], ["PostgreSQL"]])(
  "kill -9 of %s, twice during the demo, changes no count",
  async (part) => {
    const home = temporaryFolder("kill-one");
    const demo = startDemo(["--data", data, "--home", home, "--json"]);
    for (const stored of [30, 85]) {
      // One person may have lived for a while before the other person's agent has reported its address.
      const due = async () => pidOf(part, home) !== undefined && (await lived(home)) >= stored;
      await until(`${stored} utterances`, async () => demo.child.exitCode !== null || (await due()));
      const pid = pidOf(part, home);
      expect(pid, `${part} has left its process id`).toBeDefined();
      process.kill(pid as number, "SIGKILL");
      await until(`${part} is back`, () => {
        const next = pidOf(part, home);
        return demo.child.exitCode !== null || (next !== undefined && next !== pid && isAlive(next));
      });
    }
    const { code, stdout, stderr } = await demo.ended;
    expect(stderr.match(/^.*error .*$/gm)).toBeNull();
    expect(code).toBe(0);
    expect(await endingOf(home, stdout)).toEqual(uninterrupted);
  },
);

test("kill -9 of the demo itself, then again the same command, changes no count", async () => {
  const home = temporaryFolder("kill-all");
  const first = startDemo(["--data", data, "--home", home, "--json"]);
  await until("60 utterances", async () => (await lived(home)) >= 60);
  const server = pidOf("the server", home) as number;
  leftovers.push(server);
  first.child.kill("SIGKILL");
  await first.ended;
  const { code, stdout, stderr } = await startDemo(["--data", data, "--home", home, "--json"]).ended;
  expect(stderr.match(/^.*error .*$/gm)).toBeNull();
  expect(code).toBe(0);
  expect(await endingOf(home, stdout)).toEqual(uninterrupted);
  expect(isAlive(server), "the first server").toBe(false);
});

test("every report of an uninterrupted life has its own number, without a gap", () => {
  for (const reports of uninterrupted.reports as { sequence: number }[][]) {
    expect(reports.map(({ sequence }) => sequence)).toEqual(reports.map((_, index) => index + 1));
    expect(reports.length).toBeGreaterThanOrEqual(4);
  }
});

test("the shortened lives are what they should be", () => {
  expect(uninterrupted.utterances).toEqual([130, 130]);
  expect(readFileSync(join(data, "train_sent_emo.csv"), "utf8").trimEnd().split("\r\n")).toHaveLength(211);
});
