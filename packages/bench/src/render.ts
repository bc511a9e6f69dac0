// Renders a measured part as text and as Markdown, both with the same table.

import { markdownTable } from "@attune/platform/table";
import type { PartName } from "@attune/server/bench-parts";
import { threadsOf } from "./encoder-contenders.js";
import type { AgentRow, ColdRow, EncoderRow, HeadRow, Part, Row, TaskRow } from "./results.js";

const titles: Record<PartName, string> = {
  predict: "Text to features of the bundled extractor, true length, one thread",
  table8: "Table 8: text to features, native",
  table9: "Table 9: text to features, WebAssembly",
  table10: "Table 10: 100 epochs of SGD of the linear head, native; median (p90) ms",
  table11: "Table 11: 100 epochs of SGD of the linear head, WebAssembly; median (p90) ms",
  oselm: "Closed-form heads, one thread",
  online: "One label learned at once, 768 features, 7 classes",
  "cold-start": "A new process: from its first line to its first prediction",
  memory: "A daemon with its store and local API, offline: resident memory",
};

interface Column<R> {
  readonly title: string;
  readonly cell: (row: R) => string;
}

const notBuilt = "not built";
const ms = (value: number | null, digits: number) => (value === null ? notBuilt : value.toFixed(digits));
const ratio = (value: number | null) => (value === null ? "" : `${value.toFixed(2)}x`);
const share = (value: number | null) => (value === null ? "" : `${(100 * value).toFixed(0)}%`);

const encoderColumns: readonly Column<EncoderRow>[] = [
  { title: "engine", cell: ({ engine }) => engine },
  { title: "model", cell: ({ model }) => model },
  { title: "dtype", cell: ({ dtype }) => dtype },
  { title: "tokens", cell: ({ tokens }) => tokens },
  { title: "threads", cell: ({ threads }) => String(threads) },
  { title: "median ms", cell: ({ medianMs }) => ms(medianMs, 3) },
  { title: "p90 ms", cell: ({ p90Ms }) => (p90Ms === null ? "" : ms(p90Ms, 3)) },
  { title: "of the limit", cell: ({ shareOfLimit }) => share(shareOfLimit) },
  { title: "to the best peer", cell: ({ ratioToBestPeer }) => ratio(ratioToBestPeer) },
];

const taskColumns: readonly Column<TaskRow>[] = [
  { title: "engine", cell: ({ engine }) => engine },
  { title: "work", cell: ({ task }) => task },
  { title: "median ms", cell: ({ medianMs }) => ms(medianMs, 4) },
  { title: "p90 ms", cell: ({ p90Ms }) => (p90Ms === null ? "" : ms(p90Ms, 4)) },
  { title: "to the best peer", cell: ({ ratioToBestPeer }) => ratio(ratioToBestPeer) },
];

const onlineColumns: readonly Column<TaskRow>[] = [
  ...taskColumns.slice(0, -1),
  { title: "p99 ms", cell: ({ p99Ms = null }) => (p99Ms === null ? "" : ms(p99Ms, 4)) },
  ...taskColumns.slice(-1),
];

const coldColumns: readonly Column<ColdRow>[] = [
  { title: "engine", cell: ({ engine }) => engine },
  { title: "model", cell: ({ model }) => model },
  { title: "dtype", cell: ({ dtype }) => dtype },
  { title: "load ms", cell: ({ loadMs }) => ms(loadMs, 1) },
  { title: "tokenizer ms", cell: ({ tokenizerMs }) => ms(tokenizerMs, 1) },
  { title: "first prediction ms", cell: ({ firstMs }) => ms(firstMs, 1) },
  { title: "all, median ms", cell: ({ medianMs }) => ms(medianMs, 1) },
  { title: "p90 ms", cell: ({ p90Ms }) => (p90Ms === null ? "" : ms(p90Ms, 1)) },
  { title: "RSS over Node, MB", cell: ({ rssMb }) => (rssMb === null ? "" : rssMb.toFixed(0)) },
  { title: "to the best peer", cell: ({ ratioToBestPeer }) => ratio(ratioToBestPeer) },
];

const agentColumns: readonly Column<AgentRow>[] = [
  { title: "process", cell: ({ engine }) => engine },
  { title: "model", cell: ({ model }) => model },
  { title: "at start, MB", cell: ({ startMb }) => startMb.toFixed(0) },
  { title: "after it learned, MB", cell: ({ trainedMb }) => trainedMb.toFixed(0) },
  { title: "at most, MB", cell: ({ peakMb }) => peakMb.toFixed(0) },
];

function columnsOf(name: PartName): readonly Column<never>[] {
  if (name === "table8" || name === "table9") return encoderColumns;
  if (name === "memory") return agentColumns;
  if (name === "online") return onlineColumns;
  return name === "cold-start" ? coldColumns : taskColumns;
}

export function renderPart(part: Part): string {
  const heads = part.name === "table10" || part.name === "table11";
  const table = heads ? renderHeads(part.rows as HeadRow[]) : renderRowByRow(part);
  return [`## ${titles[part.name]}`, "", table, "", describe(part), ""].join("\n");
}

function renderRowByRow({ name, rows }: Part): string {
  const columns = columnsOf(name);
  const cells = rows.map((row: Row) => columns.map(({ cell }) => cell(row as never)));
  return markdownTable([columns.map(({ title }) => title), ...cells]).join("\n");
}

/**
 * One line a cell of the paper's table, one column an engine. A peer's time has the factor by which our
 * first engine is faster.
 */
function renderHeads(rows: readonly HeadRow[]): string {
  const engines = [...new Set(rows.map(({ engine }) => engine))];
  const cells = [...new Map(rows.map((row) => [`${row.features} ${row.samples}`, row])).values()];
  const lines = cells.map(({ features, samples }) => {
    const here = rows.filter((row) => row.features === features && row.samples === samples);
    const ours = here[0]?.medianMs ?? null;
    const times = engines.map((engine) => {
      const row = here.find((one) => one.engine === engine);
      if (row === undefined) return "";
      const { medianMs, p90Ms } = row;
      if (medianMs === null || p90Ms === null) return notBuilt;
      const time = `${medianMs.toFixed(1)} (${p90Ms.toFixed(1)})`;
      return row === here[0] || ours === null ? time : `${time} ${(medianMs / ours).toFixed(1)}x`;
    });
    return [String(features), String(samples), ...times];
  });
  return markdownTable([["features", "samples", ...engines], ...lines]).join("\n");
}

/** A line about the machine, and a list of the limits and the notes for the reader. */
function describe({ cpu, node, load, limits, notes }: Part): string {
  const limit = limits.map(
    ({ threads, fp32, int8 }) =>
      `Limit on ${threadsOf(threads)}: ${fp32.toFixed(0)} GFLOP/s, ${int8.toFixed(0)} GOP/s in int8.`,
  );
  const machine = `${cpu}, Node ${node}; load average ${load[0].toFixed(1)} before, ${load[1].toFixed(1)} after.`;
  const list = [...limit, ...notes.map((note) => `${note[0]?.toUpperCase()}${note.slice(1)}.`)];
  return list.length === 0 ? machine : [machine, "", ...list.map((item) => `- ${item}`)].join("\n");
}
