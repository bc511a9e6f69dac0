// `attune release compare`: two releases side by side.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import type { Comparison } from "@attune/shared/contracts/catalogue";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { releaseCompare } from "./declarations/catalogue.js";

export const compareReleases: Body<typeof releaseCompare, CommandIo> = async (
  { values, arguments: [from, to] },
  io,
) => {
  const comparison = await askServer(await accessOf(values), (client) => client.release.compare.query({ from, to }));
  if (io.json) io.stdout(JSON.stringify(comparison));
  else for (const line of describe(comparison)) io.stdout(line);
};

function* describe({ from, to, f1, latency, bytes, files, labels, ...rest }: Comparison): Generator<string> {
  yield `release ${from.sequence} (${from.model} ${from.modelVersion}) to ${to.sequence} (${to.model} ${to.modelVersion})`;
  yield `a device downloads ${bytes.onTheWire} bytes of ${bytes.to}`;
  yield rest.sameFeatures ? "personal heads work with both" : "personal heads are fitted anew: the features differ";
  const [before, after] = [rest.headRecipe.from, rest.headRecipe.to].map((recipe) => Object.values(recipe).join(":"));
  if (before !== after) yield `heads: ${before}, then ${after}`;
  for (const kind of ["added", "removed", "reworded"] as const) {
    if (labels[kind].length > 0) yield `labels ${kind}: ${labels[kind].join(", ")}`;
  }
  const time = (side: Comparison["latency"]["from"]) => (side === null ? null : side.medianMicroseconds);
  const measured = f1.map(({ name, ...sides }) => ({
    measurement: `F1 ${name}`,
    from: sides.from?.toFixed(4) ?? null,
    to: sides.to?.toFixed(4) ?? null,
  }));
  const times = { measurement: "prediction, µs", from: time(latency.from), to: time(latency.to) };
  yield* tableLines([...measured, times]);
  yield* tableLines(
    files.map(({ name, same, fromBytes, toBytes, onTheWireBytes }) => ({
      file: name,
      content: same ? "same" : "other",
      from: fromBytes,
      to: toBytes,
      "on the wire": onTheWireBytes,
    })),
  );
}
