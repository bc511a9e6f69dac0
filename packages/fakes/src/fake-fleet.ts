// The server's side of all three transports, in memory. It keeps everything it receives, and a test
// can spoil its answers.

import type {
  Cleared,
  ControlTransport,
  DownloadReply,
  DownloadTransport,
  ReportTransport,
} from "@attune/edge-agent/core/ports";
import { canonicalBytes } from "@attune/shared/canonical-json";
import type { Message } from "@attune/shared/contracts/egress";
import type { ReleaseManifest } from "@attune/shared/contracts/release";
import type { SignedTarget } from "@attune/shared/contracts/target-state";
import { AppError } from "@attune/shared/errors";
import type { SignedEnvelope } from "@attune/shared/trust/signed";
import { type SigningKey, sha256Hex } from "./node-crypto.js";
import { type TinyRelease, testSigner, testTrustedKeys } from "./tiny-release.js";

export const fakeToken = `attune1.${sha256Hex(canonicalBytes(testTrustedKeys))}.${"5".repeat(48)}`;
export const fakeDevice = "d".repeat(32);

/** The settings that a test changes, and everything that arrived. */
interface FleetState {
  target: { sequence: number; manifestSha256: string } | null;
  pollIntervalMs: number;
  online: boolean;
  brokerUp: boolean;
  /** The number of reports that arrive, but whose acknowledgement is lost. */
  loseAcks: number;
  /** Replaces the reply to a download. */
  spoil: ((path: string, offset: number, whole: Uint8Array) => DownloadReply | undefined) | undefined;
  /** The server's own clock, which is right. */
  nowMs: () => number;
  /** Changes the target that the server signs. */
  amendTarget: ((target: SignedTarget) => SignedTarget) | undefined;
  /** Replaces the signed answer, as an attacker between server and device would. */
  forgeAnswer: ((answer: SignedEnvelope) => unknown) | undefined;
  readonly polls: Cleared<"poll">[];
  readonly requests: { readonly path: string; readonly offset: number }[];
  /** Distinct reports by message id, as JetStream and the database would keep them. */
  readonly received: Map<string, string>;
  /** Every byte string that arrived, in order. */
  readonly wire: string[];
}

export interface FakeFleet extends FleetState {
  readonly control: ControlTransport;
  readonly downloads: DownloadTransport;
  readonly reports: ReportTransport;
  publish(release: TinyRelease<ReleaseManifest>): void;
}

const nats = { urls: ["nats://127.0.0.1:1"], userJwt: "jwt" };

export function createFakeFleet(): FakeFleet {
  const resources = new Map<string, Uint8Array>();
  const state: FleetState = {
    nowMs: () => Date.UTC(2026, 10, 22),
    amendTarget: undefined,
    forgeAnswer: undefined,
    target: null,
    pollIntervalMs: 60_000,
    online: true,
    brokerUp: true,
    loseAcks: 0,
    spoil: undefined,
    polls: [],
    requests: [],
    received: new Map(),
    wire: [],
  };
  // The parts read the settings at each call, so a test may change the settings at any time.
  return Object.assign(state, {
    control: createControl(state),
    downloads: createDownloads(state, resources),
    reports: createReports(state),
    publish(release: TinyRelease<ReleaseManifest>) {
      resources.set(`/v1/manifests/${release.manifestSha256}`, release.manifest);
      for (const [sha256, bytes] of release.chunks) resources.set(`/v1/chunks/${sha256}`, bytes);
      state.target = { sequence: release.release.sequence, manifestSha256: release.manifestSha256 };
    },
  });
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function requireOnline({ online }: FleetState): void {
  if (!online) throw new AppError("SERVER_UNAVAILABLE", "no network (by the test)");
}

function createControl(fleet: FleetState): ControlTransport {
  const answer = createTargets(fleet);
  return {
    async enrol(cleared) {
      requireOnline(fleet);
      fleet.wire.push(text(cleared.bytes));
      return {
        version: 1,
        device: fakeDevice,
        fleet: "home",
        releaseKeys: testTrustedKeys,
        egressContractVersion: 1,
        nats,
      };
    },
    async poll(cleared) {
      requireOnline(fleet);
      fleet.wire.push(text(cleared.bytes));
      fleet.polls.push(cleared);
      const target = answer(cleared.message);
      const signed = signTarget(fleet.amendTarget?.(target) ?? target);
      return fleet.forgeAnswer?.(signed) ?? signed;
    },
  };
}

/** Answers polls as the server does: a poll of another copy of the device's store has to begin an epoch. */
function createTargets(fleet: FleetState): (poll: Message<"poll">) => SignedTarget {
  /** The device's epochs, latest last, and the highest sequence polled under the latest. */
  const epochs: string[] = [];
  let pollSequence = 0;
  let number = 0;
  return ({ device, epoch, sequence }) => {
    if (!epochs.includes(epoch)) {
      epochs.push(epoch);
      pollSequence = 0;
    }
    const beginEpoch = epoch !== epochs.at(-1) || sequence <= pollSequence;
    if (!beginEpoch) pollSequence = sequence;
    const nowMs = Math.floor(fleet.nowMs());
    number = Math.max(number + 1, nowMs);
    const stored = [...fleet.received.values()].map((body) => JSON.parse(body) as Message<"report.state">);
    return {
      version: 2,
      kind: "target",
      device,
      epoch,
      sequence,
      number,
      beginEpoch,
      issuedAt: new Date(nowMs).toISOString(),
      expiresAt: new Date(nowMs + 7 * 86_400_000).toISOString(),
      reports: Math.max(0, ...stored.filter((report) => report.epoch === epoch).map((report) => report.sequence)),
      release: fleet.target,
      nats,
      pollIntervalMs: fleet.pollIntervalMs,
    };
  };
}

function createDownloads(fleet: FleetState, resources: ReadonlyMap<string, Uint8Array>): DownloadTransport {
  return {
    async get(cleared) {
      requireOnline(fleet);
      const path = text(cleared.bytes);
      const offset = "offset" in cleared.message ? cleared.message.offset : 0;
      fleet.wire.push(path);
      fleet.requests.push({ path, offset });
      const whole = resources.get(path);
      if (whole === undefined) return { status: 404, totalBytes: undefined, body: pieces([]) };
      const spoiled = fleet.spoil?.(path, offset, whole);
      if (spoiled !== undefined) return spoiled;
      return { status: offset > 0 ? 206 : 200, totalBytes: whole.length, body: pieces([whole.slice(offset)]) };
    },
  };
}

/** Keeps reports by their ids, as JetStream does. */
function createReports(fleet: FleetState): ReportTransport {
  return {
    async connect() {
      if (!fleet.brokerUp) throw new AppError("NATS_UNAVAILABLE", "no broker (by the test)");
      return {
        async publish(cleared, { messageId }) {
          if (!fleet.brokerUp) throw new AppError("NATS_UNAVAILABLE", "no broker (by the test)");
          const body = text(cleared.bytes);
          const known = fleet.received.get(messageId);
          if (known !== undefined && known !== body) throw new Error(`${messageId} came with another body`);
          if (known === undefined) fleet.wire.push(body);
          fleet.received.set(messageId, body);
          if (fleet.loseAcks > 0) {
            fleet.loseAcks--;
            throw new AppError("TIMED_OUT", "the acknowledgement was lost (by the test)");
          }
        },
        async close() {},
      };
    },
  };
}

/** The envelope around a target, as the server makes it. */
export function signTarget(target: SignedTarget, signer: SigningKey = testSigner): SignedEnvelope {
  return {
    payload: target,
    signatures: [{ keyId: signer.keyId, signature: signer.sign(canonicalBytes(target)) }],
  };
}

export async function* pieces(parts: readonly Uint8Array[], failure?: Error): AsyncIterable<Uint8Array> {
  for (const part of parts) yield part;
  if (failure !== undefined) throw failure;
}
