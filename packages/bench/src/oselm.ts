// The closed-form heads: one OSELM update, from features to weights, and one ELM fit, beside NumPy.

import { createElmBench, type HeadEngine } from "./head-engines.js";
import { randomData } from "./head-tables.js";
import type { BenchProgress } from "./progress.js";
import type { PythonPeers } from "./python-peers.js";
import { type Measured, ratioToBest, type TaskRow } from "./results.js";
import { type Contender, timeInTurn } from "./timing.js";

export const oselmWeight = 25;

interface OselmBench {
  readonly engines: readonly HeadEngine[];
  readonly python: PythonPeers;
  readonly progress: BenchProgress;
}

const features = 128;
/** An update takes about a microsecond, so many make one sample. */
const updates = 50;

export async function benchOselm({ engines, python, progress }: OselmBench): Promise<Measured> {
  const rows: TaskRow[] = [];
  const tasks = [
    {
      task: "oselm",
      what: "OSELM update: 1 row of 128 features, 200 hidden",
      hidden: 200,
      samples: 512,
      rounds: 60,
      times: updates,
    },
    {
      task: "elm",
      what: "ELM: 1300 rows of 128 features, 512 hidden",
      hidden: 512,
      samples: 1300,
      rounds: 12,
      times: 1,
    },
  ] as const;
  for (const { task, what, hidden, samples, rounds, times } of tasks) {
    progress.begin(what, oselmWeight / tasks.length);
    const data = randomData({ features, samples });
    const ours = engines.map((engine) => ({
      name: engine.name as string,
      run: createElmBench(engine, { task, hidden, ...data }),
    }));
    const built = ours.flatMap(({ name, run }): Contender[] => (run === undefined ? [] : [repeated(name, run, times)]));
    const sizes = task === "oselm" ? [features, hidden] : [features, samples, hidden];
    const peers = python.names
      .filter((peer) => peer === "numpy")
      .map((peer): Contender => ({ name: peer, time: () => python.time({ peer, task, sizes, times }) }));
    const onRound = (done: number, total: number) => progress.advance(done / total);
    const timings = await timeInTurn([...built, ...peers], { rounds, warmups: 4, onRound });
    const timed = new Map([...built, ...peers].map(({ name }, i) => [name, timings[i]!] as const));
    const medians = peers.map(({ name }) => timed.get(name)!.medianMs);
    for (const { name } of [...ours, ...peers]) {
      const { medianMs, p90Ms } = timed.get(name) ?? { medianMs: null, p90Ms: null };
      const isOurs = ours.some((one) => one.name === name);
      const ratioToBestPeer = isOurs ? ratioToBest(medianMs, medians) : null;
      rows.push({ engine: name, task: what, medianMs, p90Ms, ratioToBestPeer });
    }
  }
  const notes = python.names.includes("numpy")
    ? []
    : ["numpy is left out: python3 (or ATTUNE_PYTHON) does not have it"];
  return { limits: [], notes, rows };
}

function repeated(name: string, run: () => unknown, times: number): Contender {
  return {
    name,
    time() {
      const startedAt = performance.now();
      for (let i = 0; i < times; i++) run();
      return (performance.now() - startedAt) / times;
    },
  };
}
