// Version 1 of the egress contract, as data.

import { devicePattern, epochPattern } from "../subjects.js";
import { updateReasons, updateStates } from "./current-state.js";
import type { EgressContract } from "./egress-declaration.js";

const identity = (pattern: RegExp) => ({ kind: "identity", pattern }) as const;
const quantized = (minimum: number, maximum: number, step: number) =>
  ({ kind: "quantized", minimum, maximum, step }) as const;

const countEdges = [0, 10, 25, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000] as const;
const latencyEdges = [0, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000] as const;
const durationEdges = [0, 1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000] as const;

const device = { domain: identity(devicePattern), meaning: "The device's random number, drawn at enrolment." } as const;
const epoch = {
  domain: identity(epochPattern),
  meaning: "A random number drawn when this copy of the device's store was created.",
} as const;
const sequence = {
  domain: { kind: "counter" },
  meaning: "The number of this poll or report in its epoch, from 1.",
} as const;
const releaseSequence = {
  domain: quantized(0, 65_535, 1),
  meaning: "Which release the device runs; 0 before the first.",
} as const;
const engine = {
  domain: { kind: "enum", values: ["reference", "wasm", "native"] },
  meaning: "Which of the product's engines computes the features.",
} as const;
const state = {
  domain: { kind: "enum", values: updateStates },
  meaning: "Where the device stands with an update.",
} as const;
const reason = { domain: { kind: "enum", values: updateReasons }, meaning: "Why an update ended as it did." } as const;
const f1 = (which: string) =>
  ({
    domain: quantized(0, 100, 1),
    nullable: true,
    unit: "percent",
    meaning: `Weighted F1 of the ${which} head on the device's own hold-out; left empty below 20 utterances.`,
  }) as const;

export const egressContract1 = {
  messages: {
    enrol: {
      path: "trpc",
      purpose: "Joins the fleet, once.",
      signedUnder: "attune:enrol:1\n",
      fields: {
        token: {
          domain: identity(/^[0-9a-f]{48}$/),
          meaning: "The one-time token that the fleet manager gave out.",
          about: "known",
        },
        nkey: {
          domain: identity(/^U[A-Z2-7]{55}$/),
          meaning: "The public half of the device's key; the secret half stays.",
          about: "known",
        },
        epoch: { ...epoch, about: "known" },
        deviceKind: {
          domain: { kind: "enum", values: ["jetson", "linux", "phone"] },
          meaning: "What sort of device it is.",
          about: "device",
        },
        engine: { ...engine, about: "device" },
        memory: {
          domain: { kind: "bucket", edges: [0, 512, 1_024, 2_048, 4_096, 8_192, 16_384] },
          unit: "MiB",
          meaning: "How much memory it has, roughly.",
          about: "device",
        },
      },
    },
    poll: {
      path: "trpc",
      purpose: "Asks which release the device should run and says which it runs.",
      signedUnder: "attune:poll:2\n",
      fields: { device, epoch, sequence, releaseSequence, state, reason },
    },
    download: {
      path: "https",
      purpose: "Fetches a release's manifest or a piece of it, by its hash.",
      fields: {
        what: {
          domain: { kind: "enum", values: ["manifests", "chunks"] },
          meaning: "A manifest or a piece of a file.",
        },
        sha256: {
          domain: identity(/^[0-9a-f]{64}$/),
          meaning: "The hash that the server itself named in the target state or in a signed manifest.",
          about: "known",
        },
        offset: {
          domain: quantized(0, 262_144, 4_096),
          unit: "bytes",
          meaning: "The byte from which an interrupted download resumes.",
          about: "device",
        },
      },
    },
    "report.metrics": {
      path: "nats",
      purpose: "Says how well and how fast the device recognises, in coarse numbers.",
      fields: {
        device,
        epoch,
        sequence,
        releaseSequence,
        engine,
        headKind: {
          domain: { kind: "enum", values: ["linear", "elm", "oselm"] },
          meaning: "Which kind of head answers.",
        },
        utterances: {
          domain: { kind: "bucket", edges: countEdges },
          meaning: "How many utterances the head learned from.",
        },
        holdout: { domain: { kind: "bucket", edges: countEdges }, meaning: "How many utterances it was tested on." },
        f1Prior: f1("prior"),
        f1Personal: f1("personal"),
        predictP50: {
          domain: { kind: "bucket", edges: latencyEdges },
          nullable: true,
          unit: "µs",
          meaning: "Median time of a prediction, over fixed sentences of nobody's.",
        },
        predictP90: {
          domain: { kind: "bucket", edges: latencyEdges },
          nullable: true,
          unit: "µs",
          meaning: "90th percentile of it.",
        },
        trainTime: {
          domain: { kind: "bucket", edges: durationEdges },
          nullable: true,
          unit: "ms",
          meaning: "Time of the last training.",
        },
      },
    },
    "report.state": {
      path: "nats",
      purpose: "Says how an update went.",
      fields: { device, epoch, sequence, releaseSequence, state, reason },
    },
  },
} as const satisfies EgressContract;
