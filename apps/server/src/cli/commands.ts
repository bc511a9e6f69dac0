// The `attune` program: each command's declaration and the place of its body, which is loaded only
// when the command runs.

import { withCompletion } from "@attune/platform/cli/completion";
import { type Command, command, group } from "@attune/platform/cli/declaration";
import type { CommandIo, Program } from "@attune/platform/cli/program";
import { AppError } from "@attune/shared/errors";
import { requireOpenFiles } from "../platform/system-limits.js";
import * as access from "./declarations/access.js";
import * as catalogue from "./declarations/catalogue.js";
import * as fleet from "./declarations/fleet.js";
import * as local from "./declarations/local.js";
import * as rollout from "./declarations/rollout.js";
import * as training from "./declarations/training.js";

const commands: readonly Command<CommandIo>[] = [
  command(local.start, () => fromWorkspace(async () => (await import("./start.js")).runStart)),
  command(local.demo, () => fromWorkspace(async () => (await import("./demo.js")).runDemoCommand)),
  command(local.bench, () => fromWorkspace(async () => (await import("./bench.js")).runBench)),
  command(local.server, async () => {
    requireOpenFiles();
    return (await import("./server.js")).serve;
  }),
  command(local.backup, async () => (await import("./backup.js")).runBackup),
  command(local.restore, async () => (await import("./backup.js")).runRestore),
  command(training.pretrain, () => fromWorkspace(async () => (await import("./pretrain.js")).runPretrain)),
  group(training.extractor, [
    command(training.extractorImport, () =>
      fromWorkspace(async () => (await import("./extractor-import.js")).runImport),
    ),
    command(training.extractorFreeze, () => fromWorkspace(async () => (await import("./extractor.js")).runFreeze)),
  ]),
  command(training.experiment, () => fromWorkspace(async () => (await import("./experiment.js")).runExperiment)),
  command(catalogue.publish, async () => (await import("./publish.js")).runPublish),
  group(catalogue.release, [
    command(catalogue.releaseList, async () => (await import("./release.js")).listReleases),
    command(catalogue.releaseShow, async () => (await import("./release-show.js")).showRelease),
    command(catalogue.releaseCompare, async () => (await import("./release-compare.js")).compareReleases),
    command(catalogue.releaseExport, async () => (await import("./release-folder.js")).runExport),
    command(catalogue.releaseImport, async () => (await import("./release-folder.js")).runImport),
    command(catalogue.releaseTag, async () => (await import("./release.js")).tagRelease),
    command(catalogue.releaseNote, async () => (await import("./release.js")).noteRelease),
    command(catalogue.releaseCollect, async () => (await import("./release.js")).collectReleases),
  ]),
  group(catalogue.model, [
    command(catalogue.modelList, async () => (await import("./model.js")).listModels),
    command(catalogue.modelShow, async () => (await import("./model.js")).showModel),
  ]),
  group(catalogue.alias, [
    command(catalogue.aliasSet, async () => (await import("./model.js")).setAlias),
    command(catalogue.aliasDelete, async () => (await import("./model.js")).deleteAlias),
  ]),
  group(fleet.fleet, [
    command(fleet.fleetCreate, async () => (await import("./fleet.js")).createFleet),
    command(fleet.fleetList, async () => (await import("./fleet.js")).listFleets),
  ]),
  group(rollout.rollout, [
    command(rollout.rolloutCreate, async () => (await import("./rollout.js")).createRollout),
    command(rollout.rolloutPlan, async () => (await import("./rollout.js")).planRollout),
    command(rollout.rolloutApply, async () => (await import("./rollout.js")).applyPlan),
    command(rollout.rolloutStatus, async () => (await import("./rollout.js")).showRollout),
    command(rollout.rolloutWatch, async () => (await import("./rollout-watch.js")).watchRollout),
    command(rollout.rolloutPause, async () => (await import("./rollout.js")).pauseRollout),
    command(rollout.rolloutResume, async () => (await import("./rollout.js")).resumeRollout),
    command(rollout.rolloutAbort, async () => (await import("./rollout.js")).abortRollout),
  ]),
  group(fleet.token, [command(fleet.tokenCreate, async () => (await import("./token.js")).createToken)]),
  group(fleet.device, [
    command(fleet.deviceList, async () => (await import("./device.js")).listDevices),
    command(fleet.deviceTag, async () => (await import("./device.js")).tagDevice),
    command(fleet.deviceTimeline, async () => (await import("./device.js")).showTimeline),
    command(fleet.deviceDecommission, async () => (await import("./device.js")).decommissionDevice),
    command(fleet.deviceRevoke, async () => (await import("./device.js")).revokeDevice),
  ]),
  group(fleet.report, [
    command(fleet.reportList, async () => (await import("./report.js")).listReports),
    command(fleet.reportSummary, async () => (await import("./report.js")).sumUpReports),
    command(fleet.reportAverages, async () => (await import("./report.js")).averageReports),
  ]),
  group(access.access, [
    command(access.accessCreate, async () => (await import("./access-token.js")).createAccess),
    command(access.accessList, async () => (await import("./access-token.js")).listAccess),
    command(access.accessRevoke, async () => (await import("./access-token.js")).revokeAccess),
    command(access.accessEvents, async () => (await import("./access-token.js")).listEvents),
  ]),
  command(fleet.audit, async () => (await import("./audit.js")).runAudit),
];

const program: Program<CommandIo> = {
  name: "attune",
  summary: "Run fleets of devices that tune emotion recognition to their people, and make the extractors for them",
  details: [
    "Settings come from environment variables, such as ATTUNE_HOME and ATTUNE_HTTP_PORT: see attune server --help.",
  ],
  examples: ["attune start", "attune device list --fleet home --json"],
  commands,
  shared: { json: { meaning: "print one JSON object on standard output" } },
  quotes: true,
};

export const attune = withCompletion(program, (io, script) => io.stdout(io.json ? JSON.stringify({ script }) : script));

/** Training, demo and benchmarks are separate packages, which the fleet's image leaves out. */
async function fromWorkspace<Body>(load: () => Promise<Body>): Promise<Body> {
  try {
    return await load();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const [, name] = /'(@attune\/(?:training|demo|bench)|@tensorflow\/[^'/]+)/.exec(message) ?? [];
    if (code !== "ERR_MODULE_NOT_FOUND" || name === undefined) throw cause;
    throw new AppError(
      "INVALID_CONFIGURATION",
      `this command needs the package ${name}, which this installation leaves out; run npm ci in the repository`,
      { cause },
    );
  }
}
