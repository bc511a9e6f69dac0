import { readFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Worker } from "node:worker_threads";
import { configOf, randomWeights, shapes } from "@attune/fakes/random-encoder";
import { afterEach, describe, expect, test, vi } from "vitest";
import { readGoldenEncoders } from "../../../../test/golden/encoders.js";
import type { EncoderConfig } from "../encoder/config.js";
import type { Encoder } from "../encoder/encoder.js";
import { halveTensorFile } from "../quantization/fp16.js";
import { quantizeTensorFile } from "../quantization/int8.js";
import { createRandom } from "../tensor/random.js";
import type { TensorFile } from "../tensor/safetensors.js";
import { createWasmEngine, hasRelaxedSimd } from "./wasm-engine.js";
import { createWasmTeam, type TeamOptions, type ThreadStart, type WasmTeam } from "./wasm-team.js";

const kernels = new URL("../../kernels/wasm/", import.meta.url);
const kernel = (name: string) => readFileSync(new URL(`attune-${name}.wasm`, kernels));
const simd128 = { alone: { simd128: kernel("simd128") }, shared: { simd128: kernel("simd128-threads") } };
const relaxed = {
  alone: { ...simd128.alone, relaxed: kernel("relaxed") },
  shared: { ...simd128.shared, relaxed: kernel("relaxed-threads") },
};
const builds = [{ name: "simd128", ...simd128 }, ...(hasRelaxedSimd() ? [{ name: "relaxed", ...relaxed }] : [])];

const workers: Worker[] = [];
const teams: WasmTeam[] = [];
afterEach(async () => {
  vi.unstubAllGlobals();
  for (const team of teams.splice(0)) team.close();
  await Promise.all(workers.splice(0).map((worker) => worker.terminate()));
});

const spawnFrom = (script: URL): TeamOptions["spawn"] => {
  return (start, onEnd) => {
    const worker = new Worker(script, { workerData: start, execArgv: [] });
    workers.push(worker);
    worker.on("error", onEnd);
    worker.on("exit", (code) => onEnd(new Error(`ended with code ${code}`)));
    return () => void worker.terminate();
  };
};
const spawn = spawnFrom(new URL("../threads/thread.js", kernels));

/** A spawn that keeps how each thread was started. */
function watch() {
  const starts: ThreadStart[] = [];
  const watched: TeamOptions["spawn"] = (start, onEnd) => {
    starts.push(start);
    return spawn(start, onEnd);
  };
  return { starts, watched };
}

/** A team that shares out even the smallest product, unless `options` say otherwise. */
function teamOf(options: Partial<TeamOptions> = {}): WasmTeam {
  const team = createWasmTeam({ threads: 2, builds: simd128.shared, spawn, least: 0, ...options });
  teams.push(team);
  return team;
}

async function come(...all: WasmTeam[]): Promise<void> {
  await expect.poll(() => all.every((team) => team.allStarted())).toBe(true);
}

/** How often the threads of an encoder have met, and how many sleep; `team-wasm.c` keeps these counters. */
const meetings = ({ memory, team }: ThreadStart) => new Int32Array(memory.buffer, team + 128, 1)[0]!;
const asleep = ({ memory, team }: ThreadStart) => new Int32Array(memory.buffer, team + 132, 1)[0]!;

const dtypes = { fp32: (file: TensorFile) => file, int8: quantizeTensorFile, fp16: halveTensorFile };
const forms = Object.entries(dtypes);
const golden = (["encoder", "roberta", "mobilebert"] as const).flatMap(readGoldenEncoders);

/**
 * Expects the same bits of all encoders, for texts of any length, masked too, alone and in batches. Each encoder's
 * results form one array.
 */
function expectSameBits(config: EncoderConfig, [one, ...more]: Encoder[]): void {
  const random = createRandom(7);
  const lengths = [1, 2, 3, 5, 13, 33].filter((tokens) => tokens < config.maxPositionEmbeddings - 2);
  const texts = lengths.map((tokens) => Int32Array.from({ length: tokens }, () => random.integer(config.vocabSize)));
  const many = Array.from({ length: 40 }, (_, i) => texts[(5 * i) % texts.length]!);
  const masks = texts.map((ids) => Uint8Array.from(ids, (_, t) => (t === 0 || random.next() < 0.7 ? 1 : 0)));
  const computed = (encoder: Encoder) => [
    ...texts.flatMap((ids, i) => encoder.forward(ids, masks[i]).hiddenStates.map(({ data }) => data)),
    ...texts.map((ids) => encoder.pooled!([ids], "mean-max").data),
    encoder.pooled!(many, "mean").data,
  ];
  const expected = computed(one!);
  for (const encoder of more) {
    for (const [i, data] of computed(encoder).entries())
      expect(Buffer.from(data.buffer)).toEqual(Buffer.from(expected[i]!.buffer));
  }
}

describe.each(builds)("the $name build on threads", ({ alone, shared }) => {
  const encoders = async (config: EncoderConfig, file: Parameters<typeof quantizeTensorFile>[0]) => {
    const some = [2, 3].map((threads) => teamOf({ threads, builds: shared }));
    const opened = [undefined, ...some].map((team) => createWasmEngine(alone, team).createEncoder(config, file));
    await come(...some);
    expect(some.map((team) => team.failure())).toEqual([undefined, undefined]);
    return opened;
  };

  test.each(forms)(
    "computes the same bits in %s on one, two and three: random weights, odd sizes",
    async (_, inDtype) => {
      for (const [i, shape] of shapes.entries()) {
        const config = configOf(shape);
        const file = inDtype(randomWeights(config, createRandom(i)));
        expectSameBits(config, await encoders(config, file));
      }
    },
  );

  test.each(forms)("computes the same bits in %s on one, two and three: every architecture", async (_, inDtype) => {
    for (const { config, file } of golden) expectSameBits(config, await encoders(config, inDtype(file)));
  });
});

const config = configOf({ hiddenSize: 96, numAttentionHeads: 4, intermediateSize: 200 });
const file = randomWeights(config, createRandom(1));
const ids = Int32Array.from({ length: 12 }, (_, i) => 5 * i);
const wanted = createWasmEngine(simd128.alone).createEncoder(config, file).pooled!([ids], "mean").data;

describe("a team of threads", () => {
  test("meets for a text that pays, computes a small one without them, and shares out many small ones", async () => {
    const { starts, watched } = watch();
    const [all, large] = [teamOf({ spawn: watched }), teamOf({ spawn: watched, least: 13 * 96 * 200 })];
    const encoders = [all, large].map((team) => createWasmEngine(simd128.alone, team).createEncoder(config, file));
    await come(all, large);
    const met = (work: (encoder: Encoder) => unknown) => {
      const before = starts.map(meetings);
      for (const encoder of encoders) work(encoder);
      return starts.map((start, i) => meetings(start) > before[i]!);
    };
    expect(met((encoder) => encoder.pooled!([ids], "mean"))).toEqual([true, false]);
    expect(met((encoder) => encoder.forward(Int32Array.from({ length: 13 }, () => 1)))).toEqual([true, true]);
    expect(met((encoder) => encoder.pooled!(new Array(8).fill(ids.subarray(0, 2)), "mean"))).toEqual([true, true]);
  });

  test("computes alone before its threads have come, and sleeps and wakes with them afterwards", async () => {
    const { starts, watched } = watch();
    const team = teamOf({ threads: 3, spawn: watched });
    const encoder = createWasmEngine(simd128.alone, team).createEncoder(config, file);
    expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
    await come(team);
    for (let i = 0; i < 20; i++) {
      expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
      if (i % 3 > 0) await expect.poll(() => asleep(starts[0]!)).toBe(2);
    }
  });

  test.each<[string, Partial<TeamOptions>, string]>([
    [
      "no worker can be started",
      {
        spawn: () => {
          throw new Error("no more threads");
        },
      },
      "no more threads",
    ],
    ["a worker fails at once", { spawn: spawnFrom(new URL("absent.js", kernels)) }, "Cannot find module"],
    ["its build is damaged", { builds: { simd128: simd128.shared.simd128.subarray(0, 1000) } }, "damaged"],
  ])("is one thread, and says why, where %s", async (_, options, reason) => {
    const team = teamOf({ threads: 3, ...options });
    const engine = createWasmEngine(simd128.alone, team);
    const encoder = engine.createEncoder(config, file);
    expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
    await expect.poll(() => team.failure()).toBeDefined();
    expect(team.failure()).toContain(reason);
    expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
    const started = workers.length;
    expect(engine.createEncoder(config, file).pooled!([ids], "mean").data).toEqual(wanted);
    expect(workers.length).toBe(started);
  });

  test("is one thread, and says why, where the host shares no memory", () => {
    vi.stubGlobal("SharedArrayBuffer", undefined);
    const team = teamOf();
    const encoder = createWasmEngine(simd128.alone, team).createEncoder(config, file);
    expect(team.failure()).toBe("this host shares no memory");
    expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
  });

  test("one of whose threads fails in the midst of a forward fails with it, and computes the next one alone", async () => {
    // The thread's stack lies at the memory's very beginning, so its first write to the stack is out of bounds.
    const team = teamOf({
      threads: 3,
      spawn: (start, onEnd) => spawn(start.part === 2 ? { ...start, stack: 0 } : start, onEnd),
    });
    const encoder = createWasmEngine(simd128.alone, team).createEncoder(config, file);
    await come(team);
    expect(() => encoder.pooled!([ids], "mean")).toThrow(/unreachable/);
    expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
    await expect.poll(() => team.failure()).toBeDefined();
    expect(team.failure()).toMatch(/out of bounds|unreachable|ended/);
  });

  test("that is closed ends its workers, and its encoders continue alone", async () => {
    const team = teamOf({ threads: 4 });
    const engine = createWasmEngine(simd128.alone, team);
    const encoders = [engine.createEncoder(config, file), engine.createEncoder(config, file)];
    await come(team);
    const ended = workers.map((worker) => new Promise((resolve) => worker.once("exit", resolve)));
    expect(ended.length).toBe(6);
    team.close();
    await Promise.all(ended);
    for (const encoder of encoders) expect(encoder.pooled!([ids], "mean").data).toEqual(wanted);
    // The closed team starts no new workers.
    expect(engine.createEncoder(config, file).pooled!([ids], "mean").data).toEqual(wanted);
    expect(workers.length).toBe(6);
  });

  test("loses the workers of an encoder that nobody uses any more, and keeps the others'", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const team = teamOf();
    const engine = createWasmEngine(simd128.alone, team);
    const kept = engine.createEncoder(config, file);
    const lost = () => engine.createEncoder(config, file).pooled!([ids], "mean");
    lost();
    await come(team);
    // The thread id of an ended worker is -1.
    const ended = () => workers.filter(({ threadId }) => threadId === -1).length;
    await expect
      .poll(() => {
        collect();
        return ended();
      })
      .toBe(1);
    expect(kept.pooled!([ids], "mean").data).toEqual(wanted);
    expect(ended()).toBe(1);
    expect(team.failure()).toBeUndefined();
  });

  test("has 2 to 64 threads", () => {
    for (const threads of [0, 1, 65, 2.5, Number.NaN]) expect(() => teamOf({ threads })).toThrow("2 to 64 threads");
  });
});
