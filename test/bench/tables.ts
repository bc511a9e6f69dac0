// `attune bench table8|table9|table10|table11`: one of the paper's tables of times, ours beside the peers in the same run.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { createWasmEngine } from "@attune/ml/engine/wasm-engine";
import { benchEncoders, type EncoderRow } from "./encoder-tables.js";
import { benchHeadTable, type HeadTableRow } from "./head-tables.js";
import { type Limit, measureLimit, nativeSpin, wasmSpin } from "./limits.js";
import { loadPeers } from "./peers.js";
import { createNativeEngine, loadNativeAddon, openBackend } from "./product.js";
import { renderRows } from "./timing.js";

export const tableNames = ["table8", "table9", "table10", "table11"] as const;
export type TableName = (typeof tableNames)[number];

interface TableResult {
  readonly table: TableName;
  readonly cpu: string;
  /** float32, one core, with the instructions of the build that ran. */
  readonly limitGflops: number;
  readonly limitGopsInt8: number;
  readonly rows: readonly EncoderRow[] | readonly HeadTableRow[];
}

export async function runTable(table: TableName, json: boolean): Promise<void> {
  const result = await measure(table);
  process.stdout.write(`${json ? JSON.stringify(result) : render(result)}\n`);
}

async function measure(table: TableName): Promise<TableResult> {
  const builds = { simd128: kernelBytes("attune-simd128.wasm"), relaxed: kernelBytes("attune-relaxed.wasm") };
  const wasm = createWasmEngine(builds);
  const { tf } = await openBackend("tfjs-wasm");
  const cpu = cpus()[0]?.model ?? "unknown";
  const result = (limit: Limit, rows: TableResult["rows"]) => ({
    table,
    cpu,
    limitGflops: limit.fp32 / 1e9,
    limitGopsInt8: limit.int8 / 1e9,
    rows,
  });
  const onRow = (what: string) => process.stderr.write(`${table}: ${what}\n`);
  const wasmLimit = () => measureLimit(wasmSpin(builds[wasm.build]));
  if (table === "table10" || table === "table11") {
    const onCell = (done: number, total: number) => onRow(`${done} of ${total} cells`);
    return result(wasmLimit(), await benchHeadTable({ kernels: builds[wasm.build], tf, onCell }));
  }
  const peers = await loadPeers();
  if (table === "table8") {
    // The Jetson's table: native code beside native code.
    const engine = createNativeEngine(loadNativeAddon());
    const limit = measureLimit(nativeSpin());
    const native = peers.filter(({ name }) => name === "onnxruntime-node");
    return result(limit, await benchEncoders({ engine, limit, peers: native, tf: undefined, onRow }));
  }
  // The phone's table: WebAssembly beside WebAssembly.
  const limit = wasmLimit();
  const web = peers.filter(({ name }) => name === "onnxruntime-web");
  return result(limit, await benchEncoders({ engine: wasm, limit, peers: web, tf, onRow }));
}

function kernelBytes(name: string): Uint8Array {
  return readFileSync(createRequire(import.meta.url).resolve(`@attune/ml/kernels/${name}`));
}

function render({ table, cpu, limitGflops, limitGopsInt8, rows }: TableResult): string {
  const head = `${table}: ${cpu}, Node ${process.version}, one thread; limits ${limitGflops.toFixed(0)} GFLOP/s, ${limitGopsInt8.toFixed(0)} GOP/s int8`;
  const ratio = (value: number | null) => (value === null ? "" : `${value.toFixed(2)}x`);
  const cells = rows.map((row) =>
    "model" in row
      ? [
          row.engine,
          row.model,
          row.dtype,
          row.tokens,
          row.medianMs.toFixed(3),
          row.p90Ms.toFixed(3),
          `${(100 * row.shareOfLimit).toFixed(0)}%`,
          ratio(row.ratioToBestPeer),
        ]
      : [
          row.engine,
          String(row.features),
          String(row.samples),
          row.medianMs.toFixed(1),
          row.p90Ms.toFixed(1),
          ratio(row.ratioToBestPeer),
        ],
  );
  const titles =
    table === "table8" || table === "table9"
      ? ["engine", "model", "dtype", "tokens", "median ms", "p90 ms", "of the limit", "to the best peer"]
      : ["engine", "features", "samples", "median ms", "p90 ms", "to the best peer"];
  return `${head}\n\n${renderRows(titles, cells)}`;
}
