// `attune release`: lists the published releases.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { releaseList, releaseShow } from "./declarations/fleet.js";

export const listReleases: Body<typeof releaseList, CommandIo> = async ({ values }, io) => {
  const releases = await askServer(await accessOf(values), (client) => client.release.list.query());
  if (io.json) {
    io.stdout(JSON.stringify({ releases }));
    return;
  }
  const rows = releases.map(({ sequence, model, modelVersion, sizeBytes, issuedAt, expiresAt }) => ({
    release: sequence,
    model,
    version: modelVersion,
    bytes: sizeBytes,
    issued: issuedAt,
    expires: expiresAt,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const showRelease: Body<typeof releaseShow, CommandIo> = async ({ values, arguments: [sequence] }, io) => {
  const release = await askServer(await accessOf(values), (client) => client.release.get.query({ sequence }));
  io.stdout(JSON.stringify(release, null, io.json ? 0 : 2));
};
