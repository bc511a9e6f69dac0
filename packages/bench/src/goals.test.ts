import { expect, test } from "vitest";
import { goalsOf } from "./goals.js";
import type { EncoderRow, HeadRow, Part, Row } from "./results.js";

function part(name: Part["name"], rows: Row[]): Part {
  return { name, cpu: "", node: "", load: [0, 0], limits: [], notes: [], rows };
}

function row(engine: string, medianMs: number | null, cell: Partial<EncoderRow> = {}): EncoderRow {
  const common = { model: "tiny", dtype: "fp32", threads: 1, tokens: "32", p90Ms: medianMs } as const;
  return { engine, ...common, medianMs, shareOfLimit: null, ratioToBestPeer: null, ...cell };
}

function find(parts: Part[], start: string) {
  return goalsOf(parts).find(({ goal }) => goal.startsWith(start))!;
}

test("a goal is met when its worst cell is", () => {
  const rows = [
    row("native", 1),
    row("onnxruntime-node", 1.3),
    row("native", 1, { tokens: "true" }),
    row("onnxruntime-node", 1.1, { tokens: "true" }),
  ];
  const missed = find([part("table8", rows)], "native tiny fp32");
  expect(missed).toMatchObject({ asked: "1.2x", reached: "1.10x (true length) to 1.30x (32 tokens)", met: false });
  expect(find([part("table8", rows.slice(0, 2))], "native tiny fp32")).toMatchObject({ reached: "1.30x", met: true });
});

test("what was not measured or not built is neither met nor missed", () => {
  expect(find([], "native tiny fp32")).toMatchObject({ reached: "", met: null });
  const unbuilt = part("table8", [row("native", null), row("onnxruntime-node", 1.3)]);
  expect(find([unbuilt], "native tiny fp32").met).toBeNull();
});

test("the agent's memory is judged by its largest moment at rest", () => {
  const timed = { engine: "agent", medianMs: null, p90Ms: null, ratioToBestPeer: null };
  const rows = [
    { ...timed, model: "tiny", startMb: 88, trainedMb: 92, peakMb: 95 },
    { ...timed, model: "bundled", startMb: 94, trainedMb: 101, peakMb: 118 },
  ];
  const memory = (some: typeof rows) => find([part("memory", some)], "the agent's memory");
  expect(memory(rows.slice(0, 1))).toMatchObject({ asked: "under 100 MB", met: true });
  expect(memory(rows)).toMatchObject({ met: false });
  expect(memory(rows).reached).toContain("101.0 MB (bundled, after it learned)");
});

test("a label is judged by its slowest hundredth, a refit by its median", () => {
  const timed = { engine: "native", medianMs: 1, p90Ms: 2, p99Ms: 900, ratioToBestPeer: null };
  const rows = ["one label, after 100 rows", "full refit, 1400 rows"].map((task) => ({ ...timed, task }));
  expect(find([part("online", rows)], "one label, native")).toMatchObject({ asked: "under 5 ms", met: false });
  expect(find([part("online", rows)], "full refit, native")).toMatchObject({ asked: "under 800 ms", met: true });
});

test("a peer with two threads does not count against one thread of ours", () => {
  const rows = [row("native", 1), row("onnxruntime-node", 2), row("onnxruntime-node", 0.5, { threads: 2 })];
  expect(find([part("table8", rows)], "native tiny fp32").reached).toBe("2.00x");
});

test("TensorFlow.js's float32 stands for the int8 that it does not have", () => {
  const rows = [row("wasm", 1, { dtype: "int8" }), row("tensorflow.js", 7)];
  expect(find([part("table9", rows)], "WebAssembly tiny int8 over TensorFlow.js").reached).toBe("7.00x");
});

test("of many cells it says how many are met", () => {
  const cell = (engine: string, features: number, medianMs: number): HeadRow => ({
    engine,
    features,
    samples: 200,
    medianMs,
    p90Ms: medianMs,
    ratioToBestPeer: null,
  });
  const rows = [32, 64, 128].flatMap((features, i) => [
    cell("native", features, 1),
    cell("scikit-learn", features, 7 + i),
  ]);
  expect(find([part("table10", rows)], "head training, native, over scikit-learn").reached).toBe(
    "2 of 3 cells; 7.00x (32 features, 200 samples) to 9.00x (128 features, 200 samples)",
  );
});

test("tokenization is a share of a native prediction", () => {
  const row = (engine: string, medianMs: number) => ({
    engine,
    task: "",
    medianMs,
    p90Ms: medianMs,
    ratioToBestPeer: null,
  });
  const share = (tokenizer: number) =>
    find([part("predict", [row("native", 0.2), row("wasm", 0.3), row("tokenizer", tokenizer)])], "tokenization");
  expect(share(0.05)).toMatchObject({ asked: "under 20%", reached: "25%", met: false });
  expect(share(0.04)).toMatchObject({ reached: "20%", met: false });
  expect(share(0.039)).toMatchObject({ reached: "20%", met: true });
});

test("less is better where time is asked for", () => {
  const oselm = (medianMs: number) => {
    const row = { engine: "native", task: "OSELM update", medianMs, p90Ms: medianMs, ratioToBestPeer: null };
    return find([part("oselm", [row])], "OSELM");
  };
  expect(oselm(0.02)).toMatchObject({ reached: "20.0 µs", met: true });
  expect(oselm(0.03)).toMatchObject({ reached: "30.0 µs", met: false });
});

test("less is better for a time of several cells, so the longest time is shown first and decides", () => {
  const timed = { model: "tiny", dtype: "int8", threads: 1, tokenizerMs: 1, loadMs: 1, firstMs: 1, p90Ms: 1 } as const;
  const cold = (engine: string, medianMs: number) => ({ ...timed, engine, medianMs, ratioToBestPeer: null });
  const rows = [cold("native", 20), cold("wasm", 60)] as unknown as Row[];
  expect(find([part("cold-start", rows)], "load and first prediction of Tiny")).toMatchObject({
    asked: "under 50 ms",
    reached: "60.0 ms (wasm) to 20.0 ms (native)",
    met: false,
  });
});
