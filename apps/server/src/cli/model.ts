// `attune model` and `attune alias`: the registered models, and the aliases of their versions.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { tableLines } from "@attune/platform/table";
import { askServer } from "../client/fleet-client.js";
import { accessOf } from "./access.js";
import type { aliasDelete, aliasSet, modelList, modelShow } from "./declarations/catalogue.js";
import { releaseLines } from "./release.js";

export const listModels: Body<typeof modelList, CommandIo> = async ({ values }, io) => {
  const models = await askServer(await accessOf(values), (client) => client.model.list.query());
  if (io.json) {
    io.stdout(JSON.stringify({ models }));
    return;
  }
  const rows = models.map(({ model, versions, latestRelease, aliases }) => ({
    model,
    versions,
    latest: latestRelease,
    aliases: aliases.map(({ alias, release }) => `${alias}=${release}`).join(",") || null,
  }));
  for (const line of tableLines(rows)) io.stdout(line);
};

export const showModel: Body<typeof modelShow, CommandIo> = async ({ values, arguments: [model] }, io) => {
  const details = await askServer(await accessOf(values), (client) => client.model.get.query({ model }));
  if (io.json) io.stdout(JSON.stringify(details));
  else for (const line of releaseLines(details.versions)) io.stdout(line);
};

export const setAlias: Body<typeof aliasSet, CommandIo> = async ({ values, arguments: [name, release] }, io) => {
  const { expect } = values;
  const changed = await askServer(await accessOf(values), (client) =>
    client.model.setAlias.mutate({ ...name, release, expect }),
  );
  const before = changed.before === null ? "a new alias" : `before: release ${changed.before}`;
  const words = `${changed.model}@${changed.alias} names release ${changed.release} (${before})`;
  io.stdout(io.json ? JSON.stringify(changed) : words);
};

export const deleteAlias: Body<typeof aliasDelete, CommandIo> = async ({ values, arguments: [name] }, io) => {
  const { expect } = values;
  const changed = await askServer(await accessOf(values), (client) =>
    client.model.deleteAlias.mutate({ ...name, expect }),
  );
  const words = `${changed.model}@${changed.alias} is deleted (before: release ${changed.before})`;
  io.stdout(io.json ? JSON.stringify(changed) : words);
};
