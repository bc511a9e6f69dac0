// Compares the results with the engine's goals: one row a goal, the worst cell first.

import type { PartName } from "@attune/server/bench-parts";
import {
  type AgentRow,
  type ColdRow,
  type EncoderRow,
  type HeadRow,
  type Part,
  type Row,
  type TaskRow,
  tokenizerName,
} from "./results.js";

interface Goal {
  readonly goal: string;
  readonly asked: string;
  /** The worst cell, then the best; empty if the part was not measured. */
  readonly reached: string;
  readonly met: boolean | null;
}

interface Reached {
  readonly where: string;
  readonly value: number;
}

export function goalsOf(parts: readonly Part[]): Goal[] {
  const rowsOf = <R extends Row>(name: PartName) => (parts.find((part) => part.name === name)?.rows ?? []) as R[];
  const table8 = rowsOf<EncoderRow>("table8");
  const table9 = rowsOf<EncoderRow>("table9");
  const native = table8.filter((row) => row.engine === "native" && row.threads === 1 && row.tokens !== "batch");
  const share = native.flatMap((row) =>
    row.shareOfLimit === null ? [] : [{ where: cellOf(row), value: 100 * row.shareOfLimit }],
  );
  const oselm = rowsOf<TaskRow>("oselm").find(({ engine, task }) => engine === "native" && task.startsWith("OSELM"));
  const cold = (name: string) =>
    rowsOf<ColdRow>("cold-start").flatMap(({ engine, model, medianMs }) =>
      (engine === "native" || engine === "wasm") && model === name && medianMs !== null
        ? [{ where: engine, value: medianMs }]
        : [],
    );
  const memory = rowsOf<AgentRow>("memory").flatMap(({ model, startMb, trainedMb }) => [
    { where: `${model}, at start`, value: startMb },
    { where: `${model}, after it learned`, value: trainedMb },
  ]);
  return [
    ...(["tiny", "medium"] as const).flatMap((model) =>
      (["fp32", "int8"] as const).map((dtype) => {
        const over = encoderRatios(table8, "onnxruntime-node", { engine: "native", model, dtype });
        return atLeast(`native ${model} ${dtype} over ONNX Runtime Node`, 1.2, over);
      }),
    ),
    ...(["tiny", "medium"] as const).flatMap((model) =>
      (["fp32", "int8"] as const).flatMap((dtype) => {
        const ours = { engine: "wasm", model, dtype } as const;
        return [
          atLeast(
            `WebAssembly ${model} ${dtype} over ONNX Runtime Web`,
            1.5,
            encoderRatios(table9, "onnxruntime-web", ours),
          ),
          atLeast(`WebAssembly ${model} ${dtype} over TensorFlow.js`, 3, encoderRatios(table9, "tensorflow.js", ours)),
        ];
      }),
    ),
    ...(
      [
        ["native", "table10"],
        ["wasm", "table11"],
      ] as const
    ).flatMap(([engine, table]) => {
      const rows = rowsOf<HeadRow>(table);
      return [
        atLeast(`head training, ${engine}, over scikit-learn`, 8, headRatios(rows, engine, "scikit-learn")),
        atLeast(`head training, ${engine}, over TensorFlow.js`, 30, headRatios(rows, engine, "tensorflow.js")),
      ];
    }),
    atMost("OSELM update, 200 hidden, native", { asked: 25, unit: "µs" }, micros(oselm)),
    ...onlineGoals(rowsOf<TaskRow>("online")),
    atMost("load and first prediction of Tiny", { asked: 50, unit: "ms" }, cold("tiny")),
    atMost("the same of the bundled extractor", { asked: 50, unit: "ms" }, cold("bundled")),
    atMost("the agent's memory", { asked: 100, unit: "MB" }, memory),
    goal("tokenization, of a native prediction", "under 20%", {
      reached: tokenizationShare(rowsOf<TaskRow>("predict")),
      better: "less",
      met: (value) => value < 20,
      show: (value) => `${value.toFixed(0)}%`,
    }),
    goal("share of the limit, native", "75%", {
      reached: share,
      better: "more",
      met: (value) => value >= 75,
      show: (value) => `${value.toFixed(0)}%`,
    }),
  ];
}

/**
 * The factor by which a peer is slower in the same cell. TensorFlow.js has float32 alone, which stands for its int8.
 */
function encoderRatios(
  rows: readonly EncoderRow[],
  peer: string,
  ours: { engine: string; model: string; dtype: string },
): Reached[] {
  return rows.flatMap((row) => {
    if (row.engine !== ours.engine || row.model !== ours.model || row.dtype !== ours.dtype || row.threads !== 1)
      return [];
    const theirs = rows.filter(
      (one) => one.engine === peer && one.model === row.model && one.tokens === row.tokens && one.threads === 1,
    );
    const same = theirs.find(({ dtype }) => dtype === row.dtype) ?? theirs.find(({ dtype }) => dtype === "fp32");
    if (row.medianMs === null || same === undefined || same.medianMs === null) return [];
    return [{ where: row.tokens === "32" ? "32 tokens" : "true length", value: same.medianMs / row.medianMs }];
  });
}

function headRatios(rows: readonly HeadRow[], engine: string, peer: string): Reached[] {
  return rows.flatMap((row) => {
    if (row.engine !== engine) return [];
    const theirs = rows.find(
      (one) => one.engine === peer && one.features === row.features && one.samples === row.samples,
    );
    if (row.medianMs === null || theirs === undefined || theirs.medianMs === null) return [];
    return [{ where: `${row.features} features, ${row.samples} samples`, value: theirs.medianMs / row.medianMs }];
  });
}

function cellOf({ model, dtype, tokens }: EncoderRow): string {
  return `${model} ${dtype}, ${tokens === "32" ? "32 tokens" : "true length"}`;
}

function micros(row: TaskRow | undefined): Reached[] {
  return row === undefined || row.medianMs === null ? [] : [{ where: "median", value: 1000 * row.medianMs }];
}

/** Whatever the number of rows before; a label also by its 99th percentile. */
function onlineGoals(rows: readonly TaskRow[]): Goal[] {
  const of = (engines: readonly string[], start: string, also: "p99" | "none" = "none") =>
    rows.flatMap(({ engine, task, medianMs, p99Ms }): Reached[] => {
      if (!engines.includes(engine) || !task.startsWith(start) || medianMs === null) return [];
      const where = `${engine}, ${task}`;
      const slow = also === "p99" && p99Ms !== undefined ? [{ where: `${where}, p99`, value: p99Ms }] : [];
      return [{ where, value: medianMs }, ...slow];
    });
  const wasm = ["SIMD128", "relaxed SIMD"];
  return [
    atMost("one label, native", { asked: 5, unit: "ms" }, of(["native"], "one label", "p99")),
    atMost("one label, WebAssembly", { asked: 8, unit: "ms" }, of(wasm, "one label", "p99")),
    atMost("full refit, native", { asked: 800, unit: "ms" }, of(["native"], "full refit")),
    atMost("full refit, WebAssembly", { asked: 3000, unit: "ms" }, of(wasm, "full refit")),
  ];
}

function tokenizationShare(rows: readonly TaskRow[]): Reached[] {
  const median = (name: string) => rows.find(({ engine }) => engine === name)?.medianMs ?? null;
  const [tokenizer, native] = [median(tokenizerName), median("native")];
  return tokenizer === null || native === null ? [] : [{ where: "median", value: (100 * tokenizer) / native }];
}

function atLeast(name: string, asked: number, reached: readonly Reached[]): Goal {
  return goal(name, `${asked}x`, {
    reached,
    better: "more",
    met: (value) => value >= asked,
    show: (value) => `${value.toFixed(2)}x`,
  });
}

function atMost(name: string, { asked, unit }: { asked: number; unit: string }, reached: readonly Reached[]): Goal {
  return goal(name, `under ${asked} ${unit}`, {
    reached,
    better: "less",
    met: (value) => value < asked,
    show: (value) => `${value.toFixed(1)} ${unit}`,
  });
}

interface Judging {
  readonly reached: readonly Reached[];
  readonly better: "more" | "less";
  readonly met: (value: number) => boolean;
  readonly show: (value: number) => string;
}

function goal(name: string, asked: string, { reached, better, met, show }: Judging): Goal {
  const ascending = reached.toSorted((a, b) => a.value - b.value);
  const sorted = better === "more" ? ascending : ascending.reverse();
  const [worst, best] = [sorted[0], sorted.at(-1)];
  if (worst === undefined || best === undefined) return { goal: name, asked, reached: "", met: null };
  const cell = ({ where, value }: Reached) => `${show(value)} (${where})`;
  const many =
    sorted.length > 2 ? `${sorted.filter(({ value }) => met(value)).length} of ${sorted.length} cells; ` : "";
  const text = sorted.length === 1 ? show(worst.value) : `${many}${cell(worst)} to ${cell(best)}`;
  return { goal: name, asked, reached: text, met: met(worst.value) };
}
