// The main job: server and agents as real processes, and one path of data from a labelled utterance to a metric on the
// server. A border around each agent records what left. Everything resumes from its directory.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isPresentSync } from "@attune/platform/presence";
import type { AuditResult } from "@attune/server/audit/journal-audit";
import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";
import { createAgentClient } from "./agent-client.js";
import { type Border, openBorder } from "./border.js";
import { type DemoFleet, openFleet, type PublishedRelease } from "./fleet.js";
import { type LifeProgress, live } from "./life.js";
import { loadPeople, type Person } from "./people.js";
import { agentScript, enrolAgent, root } from "./processes.js";
import { auditInWords, type PersonResult, type Screen } from "./screen.js";
import { superviseServer } from "./server-process.js";
import { type Supervised, supervise } from "./supervise.js";
import { createTextScanner } from "./text-scan.js";

interface DemoOptions {
  /** The folder of all files (ATTUNE_HOME). */
  readonly home: string;
  /** A folder in MELD's form; without it, the sample people. */
  readonly data: string | undefined;
  /** The number of people that the user asked for: the data must hold them. */
  readonly people: number | undefined;
  /** The number of people by default, or fewer if the data hold fewer. */
  readonly usualPeople: number;
  /** The environment of the child processes, with their ports. */
  readonly env: Readonly<Record<string, string>>;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** Words planted in the utterances for tests; the scan looks for them in what left. */
  readonly canaries?: readonly string[];
}

interface DemoResult {
  readonly people: readonly PersonResult[];
  readonly release: PublishedRelease;
  readonly engine: string;
  readonly wallMs: number;
}

export interface Demo {
  readonly result: DemoResult;
  /** Rejects when a process cannot be kept running; never resolves. */
  readonly failed: Promise<never>;
  stop(): Promise<void>;
}

const samplePeople = join(root, "assets/sample-people");
const bundledExtractor = join(root, "assets/extractor");
const serverTimeoutMs = 90_000;
/** Shorter than a real fleet's interval, because a person is watching. */
const pollIntervalMs = "2000";

export async function runDemo(options: DemoOptions): Promise<Demo> {
  const startedAt = performance.now();
  const { home, screen } = options;
  const people = peopleFor(options);
  mkdirSync(join(home, "agents"), { recursive: true, mode: 0o700 });
  const started = createStarted();
  try {
    const { fleet, addresses } = await startFleet(options, started);
    const release = await fleet.publish(bundledExtractor);
    screen.say(`Release ${release.sequence} (${release.model} ${release.modelVersion}) is rolled out to the fleet.`);
    const agents: RunningAgent[] = [];
    for (const person of people) agents.push(await startAgentOf(person, { options, addresses, fleet, started }));
    const count = agents.length === 1 ? "1 agent runs" : `${agents.length} agents run`;
    screen.say(`${count}, each a process with a directory of its own.`);
    screen.say(
      "A line shows a person's latest utterance: the recognised emotion, then ✓ or the person's correction (→).",
    );
    const lives = inParallel(agents, availableParallelism(), (agent) => liveWith(agent, fleet, options));
    const lived = await orFailure(started.children, lives);
    screen.close();
    return {
      result: {
        people: lived.map(({ result }) => result),
        release,
        engine: [...new Set(lived.map(({ engine }) => engine))].join(", "),
        wallMs: Math.round(performance.now() - startedAt),
      },
      failed: Promise.race(started.children.map((child) => child.failed)),
      stop: started.stop,
    };
  } catch (error) {
    await started.stop();
    throw error;
  }
}

/** Throws INVALID_INPUT where the data hold fewer people than were asked for. */
function peopleFor({ data = samplePeople, people: asked, usualPeople, screen }: DemoOptions): Person[] {
  const people = loadPeople(data, asked ?? usualPeople, (text) => screen.say(`warning: ${text}`));
  if (asked !== undefined && asked > people.length) {
    const range = `give a number from 1 to ${people.length}`;
    throw new AppError("INVALID_INPUT", `--people ${asked}: the data hold ${people.length} people; ${range}`);
  }
  return people;
}

/** The started processes and borders, which stop in the reverse order. */
interface Started {
  readonly children: readonly Supervised[];
  keep(child: Supervised): Supervised;
  onStop(stop: () => Promise<void>): void;
  stop(): Promise<void>;
}

function createStarted(): Started {
  const stoppers: (() => Promise<void>)[] = [];
  const children: Supervised[] = [];
  return {
    children,
    keep(child) {
      children.push(child);
      stoppers.push(() => child.stop());
      return child;
    },
    onStop: (stop) => void stoppers.push(stop),
    async stop() {
      for (const stopper of stoppers.splice(0).reverse()) await stopper();
    },
  };
}

/** The server's addresses. */
interface Addresses {
  readonly httpUrl: string;
  readonly natsUrl: string;
}

async function startFleet(
  { home, screen, signal, ...options }: DemoOptions,
  started: Started,
): Promise<{ readonly fleet: DemoFleet; readonly addresses: Addresses }> {
  screen.say("Starting PostgreSQL, NATS and the server …");
  const env = { ATTUNE_POLL_INTERVAL_MS: pollIntervalMs, ...options.env };
  const server = started.keep(superviseServer({ home, env, onRestart: (name) => sayRestarted(screen, name) }));
  const addresses = await orFailure([server], awaitServer(home, server, signal));
  return { fleet: await openFleet({ home, httpUrl: addresses.httpUrl, signal }), addresses };
}

interface RunningAgent {
  readonly person: Person;
  readonly directory: string;
  readonly border: Border;
}

async function startAgentOf(
  person: Person,
  input: {
    readonly options: DemoOptions;
    readonly addresses: Addresses;
    readonly fleet: DemoFleet;
    readonly started: Started;
  },
): Promise<RunningAgent> {
  const { options, addresses, fleet, started } = input;
  const agents = join(options.home, "agents");
  const directory = join(agents, person.slug);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const border = await openBorder({ ...addresses, recordFile: join(agents, `${person.slug}.border`) });
  started.onStop(() => border.close());
  started.keep(await startAgent({ options, person, directory, border, fleet }));
  return { person, directory, border };
}

/** Lives a person's life with the agent, and awaits every report at the server. */
async function liveWith(
  { person, directory, border }: RunningAgent,
  fleet: DemoFleet,
  { screen, signal, canaries = [] }: DemoOptions,
): Promise<{ readonly result: PersonResult; readonly engine: string }> {
  const agent = createAgentClient(directory, signal);
  const onProgress = (progress: LifeProgress): void => screen.progress(person.name, progress);
  const status = await live(person, agent, { signal, onProgress });
  if (status.device === null) throw new AppError("NOT_ENROLLED", `the agent of ${person.name} is not enrolled`);
  const audit = await fleet.confirmReports(agent, status.device);
  screen.done(person.name, auditInWords(audit));
  return { result: describe({ person, status, audit, border, canaries }), engine: status.engine.name };
}

function sayRestarted(screen: Screen, name: string): void {
  screen.say(`The ${name} died and is started again.`);
}

const readySchema = z.object({ httpUrl: z.string(), natsUrl: z.string(), pid: z.number() });

/** Waits until this very process of the server says that it is ready; returns its addresses. */
async function awaitServer(home: string, server: Supervised, signal: AbortSignal): Promise<Addresses> {
  const path = join(home, "server", "ready.json");
  for (const deadline = performance.now() + serverTimeoutMs; performance.now() < deadline; ) {
    if (isPresentSync(path)) {
      const ready = readySchema.safeParse(JSON.parse(readFileSync(path, "utf8")));
      if (ready.success && ready.data.pid === server.pid()) return ready.data;
    }
    await sleep(100, undefined, { signal });
  }
  throw new AppError(
    "TIMED_OUT",
    `the server was not ready after ${serverTimeoutMs / 1_000} s; see ${join(home, "server.log")}`,
  );
}

async function startAgent(input: {
  readonly options: DemoOptions;
  readonly person: Person;
  readonly directory: string;
  readonly border: Border;
  readonly fleet: DemoFleet;
}): Promise<Supervised> {
  const { options, person, directory, border, fleet } = input;
  // The agent reaches the fleet through its border only, because it knows these two addresses alone. Each agent takes a
  // free port: a configured port would be the same for all.
  const own = { ATTUNE_SERVER: border.httpUrl, ATTUNE_NATS_URL: border.natsUrl, ATTUNE_AGENT_PORT: "0" };
  const env = { ...options.env, ...own };
  const logFile = join(options.home, "agents", `${person.slug}.log`);
  const enrolled = join(options.home, "agents", `${person.slug}.enrolled`);
  if (!isPresentSync(enrolled)) {
    await enrolAgent({ directory, env, logFile, token: await fleet.createToken() });
    writeFileSync(enrolled, "");
  }
  rmSync(join(directory, "local-api.json"), { force: true });
  return supervise({
    name: `agent of ${person.name}`,
    argv: [agentScript, "run", "--home", directory, "--demo"],
    env,
    logFile,
    pidFile: join(options.home, "agents", `${person.slug}.pid`),
    onRestart: (name) => sayRestarted(options.screen, name),
  });
}

interface LifeResult {
  readonly person: Person;
  readonly status: AgentStatus;
  readonly audit: AuditResult;
  readonly border: Border;
  readonly canaries: readonly string[];
}

function describe({ person, status, audit, border, canaries }: LifeResult): PersonResult {
  const scanner = createTextScanner(
    person.said.map(({ text }) => text),
    canaries,
  );
  return {
    person: person.name,
    utterances: status.utterances.train + status.utterances.holdout,
    f1Prior: status.f1Prior,
    f1Personal: status.f1Personal,
    predictP50Ms: status.predictP50Ms,
    predictP90Ms: status.predictP90Ms,
    trainMs: status.trainMs,
    messages: status.sent.messages,
    personBits: audit.personBits.ever,
    letters: audit.letters.ever,
    bytesOut: border.bytesOut(),
    textBytesOut: scanner.textBytes(border.captured()),
  };
}

/** Waits for `work`, and rejects if a process that it needs can no longer be kept running. */
function orFailure<T>(children: readonly Supervised[], work: Promise<T>): Promise<T> {
  return Promise.race([work, ...children.map((child) => child.failed)]);
}

async function inParallel<T, R>(items: readonly T[], width: number, work: (item: T) => Promise<R>): Promise<R[]> {
  const results = new Array<R>(items.length);
  const queue = items.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}
