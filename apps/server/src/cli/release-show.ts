// `attune release show`: one release with its files, labels and lineage.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { noValue, tableLines } from "@attune/platform/table";
import type { Lineage } from "@attune/shared/contracts/lineage";
import { askServer, type FleetClient } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { releaseShow } from "./declarations/catalogue.js";

export const showRelease: Body<typeof releaseShow, CommandIo> = async ({ values, arguments: [reference] }, io) => {
  const details = await askServer(await accessOf(values), (client) => client.release.get.query(reference));
  if (io.json) io.stdout(JSON.stringify(details));
  else for (const line of describe(details)) io.stdout(line);
};

type Details = Awaited<ReturnType<FleetClient["release"]["get"]["query"]>>;

function* describe({ release, lineage, ...version }: Details): Generator<string> {
  const { sequence, model, modelVersion, collectedAt } = version;
  yield `release ${sequence}: ${model} ${modelVersion}, ${version.sizeBytes} bytes`;
  yield `issued ${version.issuedAt}, expires ${version.expiresAt}`;
  if (collectedAt !== null) yield `its content was collected at ${collectedAt}`;
  yield `aliases ${version.aliases.join(", ") || noValue}; tags ${version.tags.join(", ") || noValue}`;
  if (version.note !== "") yield `note: ${version.note}`;
  yield `labels: ${release.labels.map(({ slug, words }) => (slug === words ? slug : `${slug} (${words})`)).join(", ")}`;
  yield `manifest ${version.manifestSha256}`;
  yield* tableLines(
    release.files.map(({ name, sizeBytes, chunks, sha256 }) => ({
      file: name,
      bytes: sizeBytes,
      chunks: chunks.length,
      sha256: shortened(sha256),
    })),
  );
  if (lineage === null) yield "lineage: unknown";
  else yield* describeLineage(lineage);
}

function* describeLineage({ base, datasets, run, f1, card }: Lineage): Generator<string> {
  if (base === null) yield "base: random weights";
  else yield `base: ${base.source}, commit ${base.commit ?? "unknown"}, licence ${base.licence ?? "unknown"}`;
  for (const { name, rows, sha256 } of datasets) yield `dataset: ${name}, ${rows} rows, ${shortened(sha256)}`;
  if (run !== null) {
    const last = run.evaluations.at(-1);
    yield `run: ${shortened(run.fingerprint)}, recipe ${run.recipeName}, seed ${run.seed}, ${run.backend}`;
    if (last !== undefined)
      yield `its last evaluation: loss ${last.trainLoss.toFixed(3)}, F1 ${last.devMetric.toFixed(3)}`;
    yield `its curve: ${run.curve.length} points (--json has them)`;
  }
  for (const [name, value] of Object.entries(f1)) yield `F1 ${name}: ${value.toFixed(4)}`;
  yield card === null ? "card: unknown" : `card: ${card.length} characters (--json has them)`;
}

const shortened = (sha256: string): string => sha256.slice(0, 12);
