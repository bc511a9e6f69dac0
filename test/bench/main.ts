// `npm run bench`: speed beside a peer in the same run, as ratios. It states no verdict and gates nothing.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { benchHeads } from "./heads.js";
import { benchPredict } from "./predict.js";
import { chooseEngine, openBackend } from "./product.js";
import { runTable, tableNames } from "./tables.js";
import { renderRows } from "./timing.js";

const { values, positionals } = parseArgs({
  options: { json: { type: "boolean", default: false } },
  allowPositionals: true,
});
const table = tableNames.find((name) => name === positionals[0]);
if (table !== undefined) {
  await runTable(table, values.json);
  process.exit(0);
}
if (positionals.length > 0) {
  process.stderr.write(`${positionals[0]} is none of ${tableNames.join(", ")}\n`);
  process.exit(2);
}
const { tf } = await openBackend("tfjs-wasm");

process.stderr.write("predicting …\n");
const { engine, why } = chooseEngine();
process.stderr.write(`${why}\n`);
const predict = await benchPredict(tf, [engine]);
const heads = await benchHeads(tf, (done, total) =>
  process.stderr.write(`training heads: ${done} of ${total} cells\n`),
);
const cpu = cpus()[0]?.model ?? "unknown";

if (values.json) {
  process.stdout.write(`${JSON.stringify({ cpu, predict, heads })}\n`);
} else {
  const ms = (value: number): string => value.toFixed(2);
  const ratio = (value: number): string => `${value.toFixed(1)}x`;
  process.stdout.write(
    [
      `${cpu}, Node ${process.version}, one thread`,
      "",
      "Prediction: text to features, the bundled extractor, batch 1, true length",
      renderRows(
        ["engine", "median ms", "p90 ms", "times as fast as TensorFlow.js"],
        predict.map((row) => [row.name, ms(row.medianMs), ms(row.p90Ms), ratio(row.ratioToTensorflow)]),
      ),
      "",
      "Training the linear head: 100 epochs of SGD, batch 64, 7 classes (the paper's Table 10)",
      renderRows(
        ["features", "samples", "ours, median ms", "TensorFlow.js, median ms", "times as fast"],
        heads.map((row) => [
          String(row.features),
          String(row.samples),
          ms(row.oursMs),
          ms(row.tensorflowMs),
          ratio(row.ratioToTensorflow),
        ]),
      ),
      "",
    ].join("\n"),
  );
}
