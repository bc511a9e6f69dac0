// Version 2 of the egress contract, as data: what is said about a person is counted in blocks, noisy, and
// bounded for each slot.

import { devicePattern, epochPattern } from "../subjects.js";
import { dayMs } from "../time.js";
import { announcedReasons, announcedStates, verdicts } from "./current-state.js";
import type { Domain, EgressContract, PersonRules } from "./egress-declaration.js";

/**
 * The day from which devices leave a field out, unless a later version of the product has renewed the field by then.
 */
const expires = "2028-06-30";

const known = <const D extends Domain>(domain: D, meaning: string) => ({ domain, meaning, about: "known" }) as const;
const deviceWord = <const V extends readonly string[]>(values: V, meaning: string) =>
  ({ domain: { kind: "enum", values }, meaning, about: "device", expires }) as const;
const deviceBucket = <const E extends readonly number[]>(edges: E, unit: string, meaning: string) =>
  ({ domain: { kind: "bucket", edges }, unit, meaning, about: "device", expires }) as const;

const device = known({ kind: "identity", pattern: devicePattern }, "The device's random number, drawn at enrolment.");
const epoch = known(
  { kind: "identity", pattern: epochPattern },
  "A random number drawn when this copy of the device's store was created.",
);
const sequence = known({ kind: "counter" }, "The number of this poll or report in its epoch, from 1.");
const releaseSequence = known(
  { kind: "release" },
  "The release that the message is about: one that the server asked this device to run; 0 before the first.",
);
const identity = { device, epoch, sequence, releaseSequence } as const;

const engine = deviceWord(["reference", "wasm", "native"], "Which of the product's engines computes the features.");
const state = deviceWord(
  announcedStates,
  "The state of the update. A release counts as tested until its verdict leaves.",
);
const reason = deviceWord(announcedReasons, "The cause of an update's end.");
const latency = (which: string) =>
  deviceBucket(
    [0, 100, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000],
    "µs",
    `${which} of a prediction, over fixed sentences that ship with the product.`,
  );
const rightAnswers = (which: string) =>
  ({
    domain: { kind: "quantized", minimum: -4, maximum: 54, step: 2 },
    nullable: true,
    meaning: `Right answers of the ${which} head among 50 labels, with noise; empty where no block is complete.`,
    about: "person",
    expires,
  }) as const;

const retention = "The server's database keeps it with the device.";
const fleetManager = "The fleet manager.";

const usualRules: PersonRules = {
  slotMs: 7 * dayMs,
  blockSize: 50,
  verdictDelayMs: dayMs,
  verdictPauseMs: 7 * dayMs,
  budgetBits: 12,
};

const declared = {
  messages: {
    enrol: {
      path: "trpc",
      purpose: "Joins the fleet, once.",
      reader: fleetManager,
      retention,
      owner: "devices",
      signedUnder: "attune:enrol:1\n",
      fields: {
        token: known(
          { kind: "identity", pattern: /^[0-9a-f]{48}$/ },
          "The one-time token that the fleet manager gave out.",
        ),
        nkey: known(
          { kind: "identity", pattern: /^U[A-Z2-7]{55}$/ },
          "The public half of the device's key; the secret half stays.",
        ),
        epoch,
        deviceKind: deviceWord(["jetson", "linux", "phone"], "The sort of the device."),
        engine,
        memory: deviceBucket(
          [0, 512, 1_024, 2_048, 4_096, 8_192, 16_384],
          "MiB",
          "How much memory the device has, roughly.",
        ),
      },
    },
    poll: {
      path: "trpc",
      purpose: "Asks which release the device should run and says which release runs.",
      reader: fleetManager,
      retention,
      owner: "devices",
      signedUnder: "attune:poll:2\n",
      fields: { ...identity, state, reason },
    },
    download: {
      path: "https",
      purpose: "Fetches a release's manifest or a piece of a release, by its hash.",
      reader: "The server, or a cache before the server.",
      retention: "Nobody keeps it.",
      owner: "content",
      fields: {
        what: {
          domain: { kind: "enum", values: ["manifests", "chunks"] },
          meaning: "A manifest or a piece of a file.",
          about: "device",
        },
        sha256: known(
          { kind: "identity", pattern: /^[0-9a-f]{64}$/ },
          "The hash that the server itself named in the target state or in a signed manifest.",
        ),
      },
    },
    "report.device": {
      path: "nats",
      purpose: "Says how fast the device computes with a release that it has tested.",
      reader: fleetManager,
      retention,
      owner: "rollouts",
      fields: { ...identity, engine, predictP50: latency("Median time"), predictP90: latency("90th percentile") },
    },
    "report.state": {
      path: "nats",
      purpose: "Says how an update ended that the person's texts had no part in.",
      reader: fleetManager,
      retention,
      owner: "rollouts",
      fields: { ...identity, state, reason },
    },
    "report.slot": {
      path: "nats",
      purpose: "Says, once in each slot, how often the prior and the answering head were right.",
      reader: "The fleet manager, as averages over many devices.",
      retention,
      owner: "rollouts",
      sizeBytes: 384,
      together: ["rightPrior", "rightAnswering"],
      fields: {
        ...identity,
        slot: known({ kind: "counter" }, "The number of the slot, one more than before."),
        rightPrior: rightAnswers("prior"),
        rightAnswering: rightAnswers("answering"),
      },
    },
    "report.verdict": {
      path: "nats",
      purpose: "Says whether a release was better for this person, a fixed time after its test.",
      reader: fleetManager,
      retention,
      owner: "rollouts",
      sizeBytes: 320,
      fields: {
        ...identity,
        verdict: {
          domain: { kind: "enum", values: verdicts },
          meaning:
            "The release compared with the running release on the person's own labels. A failed comparison counts as worse.",
          about: "person",
          expires,
        },
      },
    },
  },
  reserved: {
    "report.statistics": {
      purpose: "Exact sums of a head's features, masked, for learning across devices. Its bytes would travel by HTTPS.",
      maxBytes: 8_388_608,
      minRows: 200,
      minDevices: 100,
    },
  },
} as const satisfies EgressContract;

export const egressContract2 = { ...declared, person: usualRules } as const satisfies EgressContract;

/** Contract 2 with a fast clock: demonstrations speak it, and no other program knows it. */
export const demoContract2 = {
  ...declared,
  person: { ...usualRules, slotMs: 4_000, verdictDelayMs: 1_500, verdictPauseMs: 4_000 },
} as const satisfies EgressContract;
