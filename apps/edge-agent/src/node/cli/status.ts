// attune-agent status: the state of the device, and what has left it.

import type { Body } from "@attune/platform/cli/declaration";
import { counted } from "@attune/platform/counted";
import { textTable } from "@attune/platform/table";
import { lettersOf } from "@attune/shared/contracts/letters";
import type { AgentStatus } from "@attune/shared/contracts/local-api";
import { dayMs } from "@attune/shared/time";
import { type HomePaths, readLocalApi } from "../home.js";
import { findDaemon } from "../home-lock.js";
import { askAgent } from "./ask-agent.js";
import type { AgentContext } from "./context.js";
import type { status as declaration } from "./declarations.js";
import { asDuration, asF1, asMs } from "./format.js";

export const showStatus: Body<typeof declaration, AgentContext> = async (_input, context) => {
  const status = await askAgent(context, (agent) => agent.status());
  context.print(status, inWords(status, await doorInWords(context.paths)));
};

/** How the person's own programs reach the agent. */
async function doorInWords(paths: HomePaths): Promise<[string, string][]> {
  const address = (await findDaemon(paths.home)) === undefined ? undefined : await readLocalApi(paths);
  return address === undefined
    ? []
    : [
        ["local API", address.url],
        ["  token to predict", paths.predictToken],
        ["  token for all", paths.localToken],
      ];
}

function inWords(status: AgentStatus, door: [string, string][]): string {
  const { release, target, head, engine, utterances, outbox, sent, connected, lastError } = status;
  const path = (name: "trpc" | "https" | "nats"): string =>
    `${counted(sent.byPath[name].messages, "message")}, ${counted(sent.byPath[name].bytes, "byte")}`;
  const reached = (up: boolean, error: string | null): string =>
    up ? "yes" : `no${error === null ? "" : ` (${error})`}`;
  return textTable([
    ["device", status.device === null ? "not enrolled" : `${status.device} in fleet ${status.fleet}`],
    ...(status.epochs > 1 ? [["store", restored] as [string, string]] : []),
    ["release", release === null ? "none yet" : releaseInWords(release)],
    ...(release === null ? [] : [["labels", release.labels.map(labelInWords).join(", ")] as [string, string]]),
    ["target", target === null ? "none received yet" : targetInWords(target)],
    ["update", `${status.updateState}${status.updateReason === "none" ? "" : ` (${status.updateReason})`}`],
    ["engine", `${engine.name}: ${engine.why}`],
    ["utterances", `${utterances.train} to learn from, ${utterances.holdout} to test on`],
    ...waitingInWords(status.waiting),
    ["head", `${head.active}${head.kind === null ? "" : ` (${head.kind})`}`],
    ...(status.mixture === null ? [] : [["  experts", mixtureInWords(status.mixture)] as [string, string]]),
    ["weighted F1", `prior ${asF1(status.f1Prior)}, personal ${asF1(status.f1Personal)}`],
    ["prediction", `p50 ${asMs(status.predictP50Ms)}, p90 ${asMs(status.predictP90Ms)}`],
    ["last refit", asMs(status.trainMs)],
    [
      "left the device",
      `${counted(sent.messages, "message")}, ${counted(sent.bytes, "byte")}, which can say at most ${Math.ceil(status.capacityBits)} bits`,
    ],
    ["  egress contract", `version ${status.contract.spoken}; you have agreed to ${status.contract.agreed}`],
    ["  about the person", personInWords(status.person)],
    ...slotInWords(status.person.slot),
    ["  verdicts", verdictsInWords(status.verdicts)],
    ["  enrol, poll", path("trpc")],
    ["  download", path("https")],
    ["  report", path("nats")],
    ["outbox", `${outbox.pending} of ${outbox.limit} waiting${outbox.held > 0 ? `, ${outbox.held} held back` : ""}`],
    ["server reached", reached(connected.server, lastError.server)],
    ["broker reached", reached(connected.nats, lastError.nats)],
    ...door,
  ]).join("\n");
}

export function mixtureInWords({ experts, labels, behindBest, atMost }: NonNullable<AgentStatus["mixture"]>): string {
  const shares = experts.map(({ name, weight }) => `${name} ${Math.round(100 * weight)}%`).join("; ");
  if (labels === 0) return `${shares}; no label yet`;
  const side = behindBest < 0 ? "ahead of" : "behind";
  const gap = `${Math.abs(behindBest).toFixed(1)} nats ${side} the best of them after ${counted(labels, "label")}`;
  return `${shares}; ${gap}, at most ${atMost.toFixed(1)} behind`;
}

function waitingInWords(waiting: AgentStatus["waiting"]): [string, string][] {
  if (waiting.length === 0) return [];
  const labels = waiting.map(({ label, utterances }) => `${label} (${utterances})`).join(", ");
  return [["  waiting", `for a release that knows their labels: ${labels}`]];
}

function personInWords({ bits }: AgentStatus["person"]): string {
  return `at most ${Math.ceil(bits)} bits ever, which could spell about ${counted(lettersOf(bits), "letter")}`;
}

function slotInWords(slot: AgentStatus["person"]["slot"]): [string, string][] {
  if (slot === null) return [];
  const { number, bits, budgetBits, endsInMs, reportDueInMs } = slot;
  const report = reportDueInMs === null ? "its report has left" : `its report leaves in ${asDuration(reportDueInMs)}`;
  return [
    ["  this slot", `number ${number}: ${Math.ceil(bits)} of ${budgetBits} bits; ${report}`],
    ["  next slot", `in ${asDuration(endsInMs)}`],
  ];
}

const restored = "restored from a copy: utterances forgotten after the copy was made may be back";

function releaseInWords({
  sequence,
  model,
  modelVersion,
  expired,
  expiresAt,
}: NonNullable<AgentStatus["release"]>): string {
  return `${sequence} (${model} ${modelVersion})${expired ? `, expired at ${expiresAt}: ask for a newer one` : ""}`;
}

function labelInWords({ slug, words }: NonNullable<AgentStatus["release"]>["labels"][number]): string {
  return words === slug ? slug : `${slug} (${words})`;
}

function targetInWords({ release, issuedAt, stale }: NonNullable<AgentStatus["target"]>): string {
  const wanted = release === null ? "no release" : `release ${release}`;
  return `${wanted}, asked for at ${issuedAt}${stale ? ": stale, no newer answer came" : ""}`;
}

function verdictsInWords({ count, nextInMs, waiting }: AgentStatus["verdicts"]): string {
  const days = Math.ceil(nextInMs / dayMs);
  const next = nextInMs > 0 ? `, the next in ${days} ${days === 1 ? "day" : "days"} at the earliest` : "";
  const held = waiting === null ? "" : `; release ${waiting} waits for it, or for attune-agent let-in`;
  return `${count} sent: whether a release suits your labels${next}${held}`;
}
