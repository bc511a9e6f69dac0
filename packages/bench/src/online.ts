// Learning of one label at once by a person's mixture, and full refits of the mixture, on each engine beside
// scikit-learn. All times are the processor's, since other work on a machine makes single labels wait.

import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import type { HeadKernels } from "@attune/ml/heads/head-kernels";
import { fitLinear, type LinearHead, toOptimum } from "@attune/ml/heads/linear";
import { selectPriorStrength } from "@attune/ml/heads/prior";
import { referenceHeadKernels } from "@attune/ml/heads/reference-head-kernels";
import { linearExperts } from "@attune/ml/online/experts";
import { createPersonMixture, type PersonMixture } from "@attune/ml/online/person-mixture";
import { type Matrix, row, selectRows } from "@attune/ml/tensor/matrix";
import { createRandom } from "@attune/ml/tensor/random";
import { kernelBytes, nativeEngine, wasmEngine } from "./engines.js";
import { randomData } from "./head-tables.js";
import type { BenchProgress } from "./progress.js";
import type { PythonPeers } from "./python-peers.js";
import { type Measured, ratioToBest, type TaskRow } from "./results.js";
import { type Contender, type Timing, timeInTurn } from "./timing.js";

export const onlineWeight = 120;

interface OnlineBench {
  readonly python: PythonPeers;
  readonly progress: BenchProgress;
}

interface OnlineEngine {
  readonly name: string;
  readonly kernels: HeadKernels;
}

/** The bundled extractor's features, MELD's classes, and about one speaker's rows. */
const [features, samples, classes] = [768, 1_400, 7];
const labels = { rounds: 400, warmups: 20, budgetMs: 120_000 } as const;
const refits = { rounds: 5, warmups: 1, budgetMs: 300_000 } as const;
const peer = "scikit-learn";
/** The largest change of a row's share in the last sweep of a refit. */
const settled = 1e-6;

export async function benchOnline({ python, progress }: OnlineBench): Promise<Measured> {
  const engines = await onlineEngines();
  const peers: readonly (typeof peer)[] = python.names.includes(peer) ? [peer] : [];
  progress.begin("one label", onlineWeight / 3);
  const rows = await timeTasks(labelTasks(engines, peers, python), labels, progress);
  progress.begin("full refits", (onlineWeight * 2) / 3);
  rows.push(...(await timeTasks(refitTasks(engines, peers, python), refits, progress)));
  const notes = [
    "Times are the processor's, of all threads of the process: waiting for other processes does not count",
    "A label is learned by five experts and their mixture; features are extracted and rows are stored beforehand",
    `A full refit learns ${samples} rows in a fresh mixture, then sweeps until no row's share changes by more than 1e-6`,
    "scikit-learn learns one linear head, without a choice of the trust in a prior; its refit stops at a gradient of 1e-6",
    ...(engines.some(({ name }) => name === "relaxed SIMD") ? [] : ["this Node has no relaxed SIMD"]),
    ...(peers.length > 0 ? [] : [`${peer} is left out: python3 (or ATTUNE_PYTHON) does not have it`]),
  ];
  return { limits: [], notes, rows };
}

async function onlineEngines(): Promise<OnlineEngine[]> {
  const native = await nativeEngine();
  const wasm = wasmEngine();
  return [
    ...(native === undefined ? [] : [{ name: "native", kernels: native.heads }]),
    ...(wasm.build === "relaxed" ? [{ name: "relaxed SIMD", kernels: wasm.heads }] : []),
    { name: "SIMD128", kernels: createWasmEngine({ simd128: kernelBytes("simd128") }).heads },
    { name: "TypeScript", kernels: referenceHeadKernels },
  ];
}

interface Task extends Pick<Contender, "time"> {
  readonly engine: string;
  readonly task: string;
  /** The task of the peer with which this one is compared; none for the peer itself. */
  readonly against?: string;
}

const ratioTask = { label: "partial_fit of one row", refit: `one fit, ${samples} rows` } as const;

function labelTasks(engines: readonly OnlineEngine[], peers: readonly (typeof peer)[], python: PythonPeers): Task[] {
  const { data, prior } = person();
  const ours = engines.flatMap(({ name, kernels }) =>
    [100, samples].map((held) => ({
      engine: name,
      task: `one label, after ${held} rows`,
      against: ratioTask.label,
      time: labelTimer(createPersonMixture(linearExperts(prior, { kernels }), { classes }), data, held),
    })),
  );
  const theirs = peers.map((name) => ({
    engine: name,
    task: ratioTask.label,
    time: () => python.time({ peer: name, task: "online", sizes: [features, samples], times: 1 }),
  }));
  return [...ours, ...theirs];
}

function refitTasks(engines: readonly OnlineEngine[], peers: readonly (typeof peer)[], python: PythonPeers): Task[] {
  const { data, prior } = person();
  const mixtures = engines.map(({ name, kernels }) => ({
    engine: name,
    task: `full refit, ${samples} rows`,
    against: ratioTask.refit,
    time: timer(() => refit(createPersonMixture(linearExperts(prior, { kernels }), { classes }), data)),
  }));
  const choices = engines
    .filter(({ name }) => name !== "TypeScript")
    .map(({ name, kernels }) => ({
      engine: name,
      task: `a head with its trust chosen in batch, ${samples} rows`,
      time: timer(() => {
        const examples = { ...data, identity: prior.identity, prior, kernels, random: createRandom(1) };
        return fitLinear({ ...examples, recipe: selectPriorStrength(examples).recipe });
      }),
    }));
  const theirs = peers.map((name) => ({
    engine: name,
    task: ratioTask.refit,
    time: () => python.time({ peer: name, task: "refit", sizes: [features, samples], times: 1 }),
  }));
  return [...mixtures, ...choices, ...theirs];
}

type Rounds = typeof labels | typeof refits;

async function timeTasks(tasks: readonly Task[], rounds: Rounds, progress: BenchProgress): Promise<TaskRow[]> {
  const contenders = tasks.map(({ engine, task, time }) => ({ name: `${engine}, ${task}`, time }));
  const onRound = (done: number, total: number) => progress.advance(done / total);
  const timings = await timeInTurn(contenders, { ...rounds, onRound });
  return tasks.map(({ engine, task, against }, i) => {
    const timing: Timing = timings[i]!;
    const theirs = tasks.flatMap((one, k) => (one.against === undefined && one.task === against ? [timings[k]!] : []));
    const ratioToBestPeer = ratioToBest(
      timing.medianMs,
      theirs.map(({ medianMs }) => medianMs),
    );
    return { engine, task, ...timing, ratioToBestPeer };
  });
}

/** Milliseconds of the processor's time. */
function timer(work: () => unknown): () => number {
  return () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
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
function labelTimer(mixture: PersonMixture, data: Person["data"], held: number): () => number {
  const learn = (at: number) => mixture.learn(String(at), row(data.features, at % samples), data.labels[at % samples]!);
  for (let at = 0; at < held; at++) learn(at);
  let next = held;
  const time = timer(() => learn(next++));
  return () => {
    mixture.forget(String(next - held));
    return time();
  };
}

function refit(mixture: PersonMixture, { features, labels }: Person["data"]): void {
  for (const [i, label] of labels.entries()) mixture.learn(String(i), row(features, i), label);
  while (mixture.sweep() > settled);
}
