// `attune publish`: makes a signed release of a frozen extractor.

import type { Body } from "@attune/platform/cli/declaration";
import type { CommandIo } from "@attune/platform/cli/program";
import { type HeadRecipe, headRecipeSchema } from "@attune/shared/contracts/release";
import { AppError } from "@attune/shared/errors";
import { publishFolder } from "../client/publish-folder.js";
import { accessOf } from "./access.js";
import type { publish } from "./declarations/catalogue.js";
import { progressOn } from "./progress-on.js";

export const runPublish: Body<typeof publish, CommandIo> = async ({ values, arguments: [folder] }, io) => {
  const {
    model,
    version: modelVersion,
    head,
    days: lifeDays,
    contract: egressContractVersion,
    words,
    fallback,
  } = values;
  const progress = progressOn(io);
  const input = {
    folder,
    model,
    modelVersion,
    headRecipe: head === undefined ? undefined : parseRecipe(head),
    lifeDays,
    egressContractVersion,
    words,
    fallback,
    onProgress: (done: number, total: number) => progress.show({ what: `uploading ${folder}`, done, total }),
  };
  const release = await publishFolder(await accessOf(values), input).finally(progress.end);
  if (io.json) {
    io.stdout(JSON.stringify(release));
    return;
  }
  io.stdout(`release ${release.sequence}: ${release.model} ${release.modelVersion}, ${release.sizeBytes} bytes`);
  io.stdout(`manifest ${release.manifestSha256}, valid until ${release.expiresAt}`);
  if (release.manifest1Sha256 === null) {
    io.stdout("agents from before manifests of version 2 do not receive it, because its labels are new to them");
  }
};

function parseRecipe(text: string): HeadRecipe {
  const [kind, hidden, l2, ...rest] = text.split(":");
  const candidate = kind === "linear" ? { kind } : { kind, hidden: Number(hidden), l2: Number(l2) };
  const parsed = headRecipeSchema.safeParse(candidate);
  if (!parsed.success || rest.length > 0 || (kind === "linear" && hidden !== undefined)) {
    throw new AppError("INVALID_INPUT", `--head ${text} is not linear, elm:HIDDEN:L2 or oselm:HIDDEN:L2`);
  }
  return parsed.data;
}
