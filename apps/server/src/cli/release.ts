// `attune release`: lists and collects the published releases, and keeps tags and notes with them.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { counted } from "@attune/platform/counted";
import { noValue, tableLines } from "@attune/platform/table";
import type { VersionSummary } from "@attune/shared/contracts/catalogue";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { releaseCollect, releaseList, releaseNote, releaseTag } from "./declarations/catalogue.js";

export const listReleases: Body<typeof releaseList, CommandIo> = async ({ values }, io) => {
  const releases = await askServer(await accessOf(values), (client) => client.release.list.query());
  if (io.json) io.stdout(JSON.stringify({ releases }));
  else for (const line of releaseLines(releases)) io.stdout(line);
};

/** A table of releases, for the list of all and for the list of a model. */
export function releaseLines(releases: readonly VersionSummary[]): string[] {
  return tableLines(
    releases.map(({ sequence, model, modelVersion, aliases, tags, sizeBytes, collectedAt, issuedAt, expiresAt }) => ({
      release: sequence,
      model,
      version: modelVersion,
      aliases: aliases.join(",") || null,
      tags: tags.join(",") || null,
      bytes: collectedAt === null ? sizeBytes : "collected",
      issued: dayOf(issuedAt),
      expires: dayOf(expiresAt),
    })),
  );
}

const dayOf = (time: string): string => time.slice(0, "2026-01-01".length);

export const tagRelease: Body<typeof releaseTag, CommandIo> = async ({ values, arguments: [release, addTags] }, io) => {
  const { remove: removeTags } = values;
  const changed = await askServer(await accessOf(values), (client) =>
    client.release.annotate.mutate({ release, addTags: [...addTags], removeTags: [...(removeTags ?? [])] }),
  );
  const tags = changed.tags.join(", ") || noValue;
  io.stdout(io.json ? JSON.stringify(changed) : `release ${changed.sequence}: tags ${tags}`);
};

export const noteRelease: Body<typeof releaseNote, CommandIo> = async (
  { values, arguments: [release, note = ""] },
  io,
) => {
  const changed = await askServer(await accessOf(values), (client) =>
    client.release.annotate.mutate({ release, note }),
  );
  io.stdout(io.json ? JSON.stringify(changed) : `release ${changed.sequence}: ${changed.note || "no note"}`);
};

export const collectReleases: Body<typeof releaseCollect, CommandIo> = async ({ values }, io) => {
  const { "dry-run": dryRun, "older-than": olderThanMs } = values;
  const result = await askServer(await accessOf(values), (client) =>
    client.release.collect.mutate({ dryRun, olderThanMs }),
  );
  if (io.json) {
    io.stdout(JSON.stringify(result));
    return;
  }
  const rows = [...result.collected.map((release) => ({ ...release, namedBy: [] })), ...result.kept].map(
    ({ sequence, model, modelVersion, namedBy }) => ({
      release: sequence,
      model,
      version: modelVersion,
      "kept for": namedBy.join(",") || "collected",
    }),
  );
  for (const line of tableLines(rows)) io.stdout(line);
  const { freedChunks, freedBytes } = result;
  io.stdout(`${dryRun ? "would free" : "freed"} ${counted(freedChunks, "chunk")}, ${counted(freedBytes, "byte")}`);
};
