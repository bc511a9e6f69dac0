// `npm run bench`: speed beside a peer in the same run, as ratios. It states no verdict and gates nothing.

import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { openBackend } from "../../apps/server/dist/pretraining/backend.js";
import { benchHeads } from "./heads.js";
import { benchPredict } from "./predict.js";
import { renderRows } from "./timing.js";

const { values } = parseArgs({ options: { json: { type: "boolean", default: false } } });
const { tf } = await openBackend("tfjs-wasm");

process.stderr.write("predicting …\n");
const predict = await benchPredict(tf, []);
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
