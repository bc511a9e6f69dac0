// The parts of the benchmark: their engines, their peers and their measurements.

import type { PartName } from "@attune/server/bench-parts";
import { agentMemoryWeight, benchAgentMemory } from "./agent-memory.js";
import { benchColdStart, coldStartWeight } from "./cold-start.js";
import { benchEncoders, encoderTableWeight } from "./encoder-tables.js";
import { nativeEngine, wasmEngine } from "./engines.js";
import { type HeadEngine, headEngines } from "./head-engines.js";
import { benchHeadTable, type HeadCell, headCellWeight, paperCells } from "./head-tables.js";
import { benchOnline, onlineWeight } from "./online.js";
import { benchOselm, oselmWeight } from "./oselm.js";
import { benchPredict, predictWeight } from "./predict.js";
import { openTensorflow } from "./product.js";
import { type BenchProgress, createBenchProgress } from "./progress.js";
import { startPython } from "./python-peers.js";
import { type Measured, measured, type Part } from "./results.js";

const headRounds = 12;

export function measurePart(name: PartName): Promise<Part> {
  return measured(name, () => measurements[name]());
}

/** `npm run bench`: the bundled extractor, and the head training of four of the paper's twelve cells. */
export async function measureQuick(): Promise<Part[]> {
  const largest = paperCells.filter(({ samples }) => samples === 1_300);
  const engines: readonly HeadEngine["name"][] = ["native", "wasm", "reference"];
  const heads = () => trainHeads("table10", { engines, cells: largest, rounds: 4 });
  return [await measurePart("predict"), await measured("table10", heads)];
}

const measurements: Record<PartName, () => Promise<Measured>> = {
  async predict() {
    const native = await nativeEngine();
    const engines = native === undefined ? [wasmEngine()] : [native, wasmEngine()];
    return benchPredict({
      engines,
      tf: await openTensorflow(),
      progress: createBenchProgress("predict", predictWeight),
    });
  },
  // The Jetson's tables compare native code with native code.
  async table8() {
    const engine = await nativeEngine();
    if (engine === undefined) return { limits: [], notes: ["The native kernels were not built"], rows: [] };
    const progress = createBenchProgress("table8", encoderTableWeight);
    return benchEncoders({ engine, peers: ["onnxruntime-node"], tf: undefined, progress });
  },
  table10: () => trainHeads("table10", { engines: ["native", "wasm"], cells: paperCells, rounds: headRounds }),
  // The phone's tables compare WebAssembly with WebAssembly.
  async table9() {
    const progress = createBenchProgress("table9", encoderTableWeight);
    return benchEncoders({ engine: wasmEngine(), peers: ["onnxruntime-web"], tf: await openTensorflow(), progress });
  },
  table11: () => trainHeads("table11", { engines: ["wasm", "reference"], cells: paperCells, rounds: headRounds }),
  async oselm() {
    const python = await startPython();
    const engines = Object.values(await headEngines());
    const result = await benchOselm({ engines, python, progress: createBenchProgress("oselm", oselmWeight) });
    python.close();
    return result;
  },
  async online() {
    const python = await startPython();
    const result = await benchOnline({ python, progress: createBenchProgress("online", onlineWeight) });
    python.close();
    return result;
  },
  "cold-start": () => benchColdStart(createBenchProgress("cold-start", coldStartWeight)),
  memory: () => benchAgentMemory(createBenchProgress("memory", agentMemoryWeight)),
};

interface HeadPart {
  readonly engines: readonly HeadEngine["name"][];
  readonly cells: readonly HeadCell[];
  readonly rounds: number;
}

async function trainHeads(title: string, { engines, cells, rounds }: HeadPart): Promise<Measured> {
  const weight = cells.reduce((sum, cell) => sum + headCellWeight(cell, rounds), 0);
  const progress: BenchProgress = createBenchProgress(title, weight);
  const python = await startPython();
  const ours = await headEngines();
  const chosen = engines.map((name) => ours[name]);
  const result = await benchHeadTable({ engines: chosen, python, tf: await openTensorflow(), progress, cells, rounds });
  python.close();
  return result;
}
