// Learning of one label at once by a person's mixture, beside scikit-learn's partial_fit and beside full refits of the
// same rows.

import { fitLinear, type LinearHead, toOptimum } from "@attune/ml/heads/linear";
import { selectPriorStrength } from "@attune/ml/heads/prior";
import { linearExperts } from "@attune/ml/online/experts";
import { createOnlineLinear } from "@attune/ml/online/online-linear";
import { createPersonMixture } from "@attune/ml/online/person-mixture";
import { type Matrix, row, selectRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import type { HeadEngine } from "./head-engines.js";
import { randomData } from "./head-tables.js";
import type { BenchProgress } from "./progress.js";
import type { PythonPeers } from "./python-peers.js";
import { type Measured, ratioToBest, type TaskRow } from "./results.js";
import { type Contender, contender, timeInTurn } from "./timing.js";

export const onlineWeight = 60;

interface OnlineBench {
  readonly engines: readonly HeadEngine[];
  readonly python: PythonPeers;
  readonly progress: BenchProgress;
}

/** The bundled extractor's features, MELD's classes, and about one speaker's rows. */
const [features, samples, classes] = [768, 1_400, 7];
const labels = { rounds: 400, warmups: 20 } as const;
const refits = { rounds: 5, warmups: 1, budgetMs: 120_000 } as const;
const peer = "scikit-learn";

export async function benchOnline({ engines, python, progress }: OnlineBench): Promise<Measured> {
  const rows = [...(await timeLabels(python, progress)), ...(await timeRefits(engines, progress))];
  const notes = [
    "An update is pure TypeScript: no kernel computes it yet, so it takes the same time on every engine",
    "An update is five experts and their mixture; features are extracted and rows are stored beforehand",
    ...(python.names.includes(peer) ? [] : [`${peer} is left out: python3 (or ATTUNE_PYTHON) does not have it`]),
  ];
  return { limits: [], notes, rows };
}

async function timeLabels(python: PythonPeers, progress: BenchProgress): Promise<TaskRow[]> {
  progress.begin("one label", onlineWeight / 3);
  const { data, prior } = person();
  const ours = [100, samples].map((held) => ({ held, time: labelTimer(prior, data, held) }));
  const contenders: Contender[] = ours.map(({ held, time }) => ({ name: String(held), time }));
  const times = { peer, task: "online", sizes: [features, samples], times: 1 } as const;
  if (python.names.includes(peer)) contenders.push({ name: peer, time: () => python.time(times) });
  const timings = await timeInTurn(contenders, { ...labels, onRound: (done, total) => progress.advance(done / total) });
  const peers = timings.slice(ours.length);
  const mine = ours.map(({ held }, i) => ({
    engine: "TypeScript",
    task: `one label, after ${held} rows`,
    ...timings[i]!,
    ratioToBestPeer: ratioToBest(
      timings[i]!.medianMs,
      peers.map(({ medianMs }) => medianMs),
    ),
  }));
  const theirs = peers.map((timing) => ({
    engine: peer,
    task: "partial_fit of one row",
    ...timing,
    ratioToBestPeer: null,
  }));
  return [...mine, ...theirs];
}

async function timeRefits(engines: readonly HeadEngine[], progress: BenchProgress): Promise<TaskRow[]> {
  progress.begin("refits", (onlineWeight * 2) / 3);
  const { data, prior } = person();
  const sweeps = `one fit by sweeps, ${samples} rows`;
  const fit = `one fit, ${samples} rows`;
  const choice = `full refit with its choices, ${samples} rows`;
  const built = engines.flatMap(({ name, kernels }) => (kernels === undefined ? [] : [{ name, kernels }]));
  const tasks = [
    { engine: "TypeScript", task: sweeps, work: () => sweepToOptimum(prior, data) },
    ...built.map(({ name, kernels }) => ({
      engine: name,
      task: fit,
      work: () => {
        const recipe = { ...toOptimum, l2: 0.57 * (features / samples), biasL2: 30 / samples, reach: "prior" } as const;
        return fitLinear({ ...data, identity: prior.identity, prior, recipe, kernels, random: createRandom(1) });
      },
    })),
    ...built
      .filter(({ name }) => name !== "reference")
      .map(({ name, kernels }) => ({
        engine: name,
        task: choice,
        work: () => {
          const examples = { ...data, identity: prior.identity, prior, kernels, random: createRandom(1) };
          return fitLinear({ ...examples, recipe: selectPriorStrength(examples).recipe });
        },
      })),
  ];
  const contenders = tasks.map(({ engine, task, work }) => contender(`${engine}, ${task}`, work));
  const onRound = (done: number, total: number) => progress.advance(done / total);
  const timings = await timeInTurn(contenders, { ...refits, onRound });
  return tasks.map(({ engine, task }, i) => ({ engine, task, ...timings[i]!, ratioToBestPeer: null }));
}

interface Person {
  readonly data: { readonly features: Matrix; readonly labels: Int32Array };
  readonly prior: LinearHead;
}

/** Rows at random, and a prior fitted on the first of them. */
function person(): Person {
  const { matrix, labels } = randomData({ features, samples });
  const some = Array.from({ length: 200 }, (_, i) => i);
  const identity = { features: "bench", classes: Array.from({ length: classes }, (_, i) => `class ${i}`) };
  const recipe = { ...toOptimum, l2: 1 } as const;
  const first = { features: selectRows(matrix, some), labels: labels.slice(0, some.length) };
  return {
    data: { features: matrix, labels },
    prior: fitLinear({ ...first, identity, recipe, random: createRandom(1) }),
  };
}

/** Learns one more row beyond `held`, and forgets another row outside of the time, so that the number of rows stays. */
function labelTimer(prior: LinearHead, data: Person["data"], held: number): () => number {
  const mixture = createPersonMixture(linearExperts(prior), { classes });
  const learn = (at: number) => mixture.learn(String(at), row(data.features, at % samples), data.labels[at % samples]!);
  for (let at = 0; at < held; at++) learn(at);
  let next = held;
  return () => {
    mixture.forget(String(next - held));
    const startedAt = performance.now();
    learn(next);
    const tookMs = performance.now() - startedAt;
    next++;
    return tookMs;
  };
}

/** From nothing to the batch optimum of one expert, within 1e-6. */
function sweepToOptimum(prior: LinearHead, data: Person["data"]): void {
  const head = createOnlineLinear(prior, {
    scale: 1,
    strength: 0.57,
    biasStrength: 30,
    reach: "prior",
    classWeights: "none",
    visits: 0,
  });
  for (const [i, label] of data.labels.entries()) head.learn(String(i), row(data.features, i), label);
  while (head.sweep() > 1e-6);
}
