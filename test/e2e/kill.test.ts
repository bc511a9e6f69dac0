import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { superviseServer } from "@attune/demo/server-process";
import type { Supervised } from "@attune/demo/supervise";
import { auditJournal, deviceOf } from "@attune/server/audit/journal-audit";
import { fetchReports } from "@attune/server/client/device-reports";
import { findServer } from "@attune/server/client/fleet-client";
import { createContracts, demoContracts } from "@attune/shared/contracts/egress";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import {
  isAlive,
  journalOf,
  pidIn,
  type SampleRow,
  sampleRows,
  startDemo,
  storedUtterances,
  temporaryFolder,
  until,
  waitingReports,
  writePeople,
} from "./demo-process.js";

// Two people with shortened lives: long enough for several reports, short enough to be killed in many ways.
const people = ["Maeve", "Edmund"];
const data = temporaryFolder("kill-people");
const slugs = people.map((name) => name.toLowerCase());
const freePorts = { ATTUNE_HTTP_PORT: "0", ATTUNE_NATS_PORT: "0", ATTUNE_POSTGRES_PORT: "0" };
const polling = { timeout: 120_000, interval: 100 };

/** The end of every life, however often a part was killed. */
interface Ending {
  readonly utterances: readonly number[];
  /** Computed from every utterance and label. */
  readonly f1: readonly { readonly f1Prior: number; readonly f1Personal: number }[];
}

function shortened(split: "train" | "dev", count: number): SampleRow[] {
  return people.flatMap((name) =>
    sampleRows(split)
      .filter(({ speaker }) => speaker === name)
      .slice(0, count),
  );
}

function endingOf(stdout: string): Ending {
  const { people: lives } = endingSchema.parse(JSON.parse(stdout));
  return {
    utterances: lives.map(({ utterances }) => utterances),
    f1: lives.map(({ f1Prior, f1Personal }) => ({ f1Prior, f1Personal })),
  };
}

/** Each device draws the order of its refits by a key of its own, so that personal scores differ from home to home. */
const maxDifference = 0.1;

/** A device's own states are compared bit by bit where one device dies: in the core's tests of crashes and learning. */
function expectSameEnding({ utterances, f1 }: Ending): void {
  expect(utterances).toEqual(uninterrupted.utterances);
  for (const [i, { f1Prior, f1Personal }] of f1.entries()) {
    expect(f1Prior).toBe(uninterrupted.f1[i]!.f1Prior);
    expect(Math.abs(f1Personal - uninterrupted.f1[i]!.f1Personal)).toBeLessThan(maxDifference);
  }
}

const endingSchema = z.object({
  people: z.array(z.object({ utterances: z.int(), f1Prior: z.number(), f1Personal: z.number() })),
});

/**
 * Looks into the directory of a demo that has ended. Its server starts once more, since the broker may hold reports
 * that were stored in no batch yet. The number of slots depends on the time that a run took, and nothing else does.
 */
async function assertReports(home: string): Promise<void> {
  const server = superviseServer({
    home,
    env: { ...freePorts, PATH: process.env.PATH ?? "" },
    onRestart: () => undefined,
  });
  try {
    for (const slug of slugs) await assertReportsOf(join(home, "agents", slug), home, server);
  } finally {
    await server.stop();
  }
}

async function assertReportsOf(directory: string, home: string, server: Supervised): Promise<void> {
  const journal = await journalOf(directory);
  const waiting = await waitingReports(directory);
  const device = deviceOf(journal)!;
  await vi.waitFor(async () => {
    const { pid, httpUrl } = JSON.parse(readFileSync(join(home, "server/ready.json"), "utf8"));
    expect(pid).toBe(server.pid());
    const access = await findServer({ home, server: httpUrl, adminTokenFile: undefined });
    const audit = auditJournal(journal, await fetchReports(access, device), createContracts(demoContracts));
    // The audit refuses a gap, a repetition or a change in the numbers of reports and of slots.
    expect(audit.verdict).toMatch(/^(consistent|pending)$/);
    expect(audit).toMatchObject({ faults: [], extra: [], altered: [], beforeRestore: [] });
    // Every report that the broker has acknowledged is stored.
    expect(audit.missing.length).toBeLessThanOrEqual(waiting);
  }, polling);
  const reports = journal.filter(({ path }) => path === "nats").map(({ type, message }) => ({ type, message }));
  const once = (type: string) => reports.filter((report) => report.type === type);
  expect(once("report.state").map(({ message }) => message.state)).toEqual(["committed"]);
  expect(once("report.device")).toHaveLength(1);
  const slots = once("report.slot").map(({ message }) => message);
  expect(slots.map(({ slot }) => slot)).toEqual(slots.map((_, index) => index + 1));
  expect(slots.length).toBeGreaterThan(0);
  // A label is scored once, and a block leaves once: 130 labels make no third block.
  expect(slots.filter(({ rightPrior }) => rightPrior !== null).length).toBeLessThanOrEqual(2);
}

let uninterrupted: Ending;
const leftovers: number[] = [];

beforeAll(async () => {
  writePeople(data, { train: shortened("train", 105), dev: shortened("dev", 25) });
  const home = temporaryFolder("kill-none");
  const { code, stdout, stderr } = await startDemo(["--data", data, "--home", home, "--json"]).ended;
  expect(stderr.match(/^.*error .*$/gm)).toBeNull();
  expect(code).toBe(0);
  uninterrupted = endingOf(stdout);
  await assertReports(home);
});

afterAll(() => {
  for (const pid of leftovers) if (isAlive(pid)) process.kill(pid, "SIGKILL");
});

/**
 * The process id that each part leaves. A server started by root may keep the cluster elsewhere; a file
 * names the place then.
 */
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
  "kill -9 of %s, twice during the demo, changes no result, and loses and doubles no report",
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
    expectSameEnding(endingOf(stdout));
    await assertReports(home);
  },
);

test("kill -9 of the demo itself, then again the same command, changes no result, and loses and doubles no report", async () => {
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
  expectSameEnding(endingOf(stdout));
  await assertReports(home);
  expect(isAlive(server), "the first server").toBe(false);
});

test("the shortened lives are what they should be", () => {
  expect(uninterrupted.utterances).toEqual([130, 130]);
  expect(readFileSync(join(data, "train_sent_emo.csv"), "utf8").trimEnd().split("\r\n")).toHaveLength(211);
});
