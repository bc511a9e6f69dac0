// Declares the commands that speak to a server.

import { declare } from "@attune/platform/cli/declaration";
import { parseDuration } from "@attune/platform/cli/values";
import { deviceHealths, deviceTagForm, deviceTagPattern } from "@attune/shared/contracts/inventory-words";
import { fleetPattern } from "@attune/shared/subjects";

/** The options that find the server, shared by all of these commands. */
export const serverOptions = {
  server: { value: "URL", meaning: "the server's address (default: the server that runs in ATTUNE_HOME)" },
  "admin-token-file": {
    value: "FILE",
    meaning: "the file with the server's admin token or an access token (default: ATTUNE_HOME/server/admin-token)",
    path: "file",
  },
  home: { value: "DIR", meaning: "a directory in place of ATTUNE_HOME", path: "folder" },
} as const;

/** The options of a command that changes something. */
export const changeOptions = {
  reason: { value: "TEXT", meaning: "why, for the change's event (attune access events)" },
  ...serverOptions,
} as const;

/** Release numbers are 16 bits wide in every message of a device. */
export const sequence = { from: 1, to: 65_535 } as const;

const fleetNameForm = "a lower-case letter, then up to 31 lower-case letters, digits and dashes";

export const fleet = declare({
  name: "fleet",
  summary: "Create a fleet, or list the fleets",
  examples: ["attune fleet create home", "attune fleet list --json"],
});

function parseFleetName(text: string): string {
  if (fleetPattern.test(text)) return text;
  throw new SyntaxError(`is not ${fleetNameForm}`);
}

export const fleetCreate = declare({
  name: "create",
  summary: "Create a fleet",
  arguments: [{ name: "NAME", meaning: `the fleet's name: ${fleetNameForm}`, parse: parseFleetName }],
  options: changeOptions,
  examples: ["attune fleet create home"],
});

export const fleetList = declare({
  name: "list",
  summary: "List the fleets and the number of their devices",
  options: serverOptions,
  examples: ["attune fleet list"],
});

export const token = declare({
  name: "token",
  summary: "Create one-time enrolment tokens",
  examples: ["attune token create --fleet home"],
});

export function parseTag(text: string): string {
  if (deviceTagPattern.test(text)) return text;
  throw new SyntaxError(deviceTagForm);
}

export const tokenCreate = declare({
  name: "create",
  summary: "Print tokens, each of which enrols one device, once",
  details: ["The server keeps only each token's hash, so that the tokens cannot be shown again."],
  options: {
    fleet: { value: "NAME", meaning: "the fleet that the devices join", required: true },
    count: {
      value: "N",
      meaning: "how many tokens to create, up to 1000",
      default: "1",
      whole: { from: 1, to: 1_000 },
    },
    tag: {
      value: "TAG",
      meaning: "a tag that each of the devices begins with, such as site=berlin; repeat the option for more",
      parse: parseTag,
      multiple: true,
    },
    expires: {
      value: "DURATION",
      meaning: "how long the tokens are valid: 90s, 15m, 1h or 7d, at most 30d",
      default: "1h",
      parse: parseDuration,
    },
    ...changeOptions,
  },
  examples: [
    "attune token create --fleet home",
    "attune token create --fleet home --count 50 --tag site=berlin --expires 7d --json",
  ],
});

export const device = declare({
  name: "device",
  summary: "List the devices with their health, tag them, see one's timeline, or end a membership",
  examples: ["attune device list --fleet home", "attune device revoke 0123456789abcdef0123456789abcdef"],
});

export const deviceList = declare({
  name: "list",
  summary: "List the devices with their tags, release, state and health",
  details: ["A device is listed where it fits every option that is given."],
  options: {
    fleet: { value: "NAME", meaning: "the devices of this fleet alone" },
    kind: { value: "KIND", meaning: "devices of this kind: jetson, linux, phone or unknown" },
    tag: { value: "TAG", meaning: "devices with this tag", parse: parseTag },
    engine: { value: "ENGINE", meaning: "devices with this engine: native, wasm, reference or unknown" },
    memory: { value: "MIB", meaning: "devices with at least so much memory", whole: { from: 0 } },
    release: {
      value: "N",
      meaning: "devices that run this release; 0 stands for none yet",
      whole: { from: 0, to: 65_535 },
    },
    health: { value: "HEALTH", meaning: "devices of this health", choices: deviceHealths },
    decommissioned: { meaning: "the decommissioned devices in place of the others" },
    ...serverOptions,
  },
  sections: [
    {
      title: "Health",
      items: [
        ["online", "it polls"],
        ["stale", "silent for three polls, and for at least ten minutes"],
        ["stuck", "it polls, and has not taken the release that it was offered a day ago"],
        ["copies", "beside each of them: two copies of the device's credentials seem to run"],
      ],
    },
  ],
  examples: ["attune device list --fleet home", "attune device list --tag site=berlin --health stale --json"],
});

function parseDevice(text: string): string {
  if (/^[0-9a-f]{32}$/.test(text)) return text;
  throw new SyntaxError("is not a device's 32 hexadecimal digits, as attune device list shows them");
}

const thisDevice = { name: "DEVICE", meaning: "the device's 32 hexadecimal digits", parse: parseDevice } as const;

export const deviceTag = declare({
  name: "tag",
  summary: "Add tags to a device, or remove tags from it",
  details: ["Tags are for the fleet manager alone. No device sees them."],
  arguments: [
    thisDevice,
    { name: "TAG", meaning: "a tag to add: spare, site=berlin", parse: parseTag, optional: true, variadic: true },
  ],
  options: { remove: { value: "TAG", meaning: "a tag to remove", parse: parseTag, multiple: true }, ...changeOptions },
  examples: ["attune device tag 0123456789abcdef0123456789abcdef site=berlin --remove spare"],
});

export const deviceTimeline = declare({
  name: "timeline",
  summary: "Show what the server, polls and reports say of one device, the latest first",
  arguments: [thisDevice],
  options: {
    limit: { value: "N", meaning: "the most entries to show", default: "50", whole: { from: 1, to: 1_000 } },
    ...serverOptions,
  },
  examples: ["attune device timeline 0123456789abcdef0123456789abcdef"],
});

export const deviceRevoke = declare({
  name: "revoke",
  summary: "End a device's membership for good",
  details: [
    "The server refuses the device's polls and reports at once and drops its live connection.",
    "Revoking cannot be undone: the device must enrol again with a new key.",
  ],
  arguments: [thisDevice],
  options: changeOptions,
  examples: ["attune device revoke 0123456789abcdef0123456789abcdef"],
});

export const deviceDecommission = declare({
  name: "decommission",
  summary: "Revoke a device, and take it out of the inventory",
  details: [
    "The device never comes back. The server keeps its reports and records for audits.",
    "attune device list --decommissioned still lists it.",
  ],
  arguments: [thisDevice],
  options: changeOptions,
  examples: ["attune device decommission 0123456789abcdef0123456789abcdef --reason replaced"],
});

export const report = declare({
  name: "report",
  summary: "List the reports of devices, sum them up, or average them over a fleet",
  examples: ["attune report summary", "attune report list --limit 10 --json"],
});

const oneDevice = { value: "DEVICE", meaning: "the reports of this device alone", parse: parseDevice } as const;

export const reportList = declare({
  name: "list",
  summary: "List the reports of devices, the latest first",
  options: {
    device: oneDevice,
    limit: {
      value: "N",
      meaning: "the most reports to list, up to 1000",
      default: "100",
      whole: { from: 1, to: 1_000 },
    },
    ...serverOptions,
  },
  examples: ["attune report list --device 0123456789abcdef0123456789abcdef --limit 10 --json"],
});

export const reportSummary = declare({
  name: "summary",
  summary: "Sum up the reports by device, with the latest metrics",
  options: { device: oneDevice, ...serverOptions },
  examples: ["attune report summary"],
});

export const reportAverages = declare({
  name: "averages",
  summary: "Average the right answers of a fleet's devices, by release",
  details: [
    "Each device counts once, with its latest block of 50 scored labels for the release.",
    "Devices send noisy counts. The noise averages out, and the 95% intervals in brackets include it.",
    "An average of fewer than five devices is not shown.",
  ],
  options: { fleet: { value: "NAME", meaning: "the averages of this fleet alone" }, ...serverOptions },
  examples: ["attune report averages --fleet home"],
});

export const audit = declare({
  name: "audit",
  summary: "Compare a device's journal with the messages that the server received",
  details: [
    "The audit checks the journal's chain of hashes, its numbering, and every message against the egress contract.",
    "It then compares the journal's reports with the server's, by hash. Only the verdict inconsistent exits with 1.",
  ],
  options: {
    journal: {
      value: "FILE",
      meaning: 'the journal that attune-agent journal --json printed: a JSON array, or {"entries": […]}',
      required: true,
      path: "file",
    },
    ...serverOptions,
  },
  sections: [
    {
      title: "Verdicts",
      items: [
        ["consistent", "journal and server agree"],
        ["pending", "the latest reports have not reached the server yet"],
        ["restored", "the device's store was restored from an earlier copy, and the missing reports are listed"],
        ["inconsistent", "journal and server contradict each other"],
      ],
    },
  ],
  examples: [
    "attune-agent journal --json > journal.json && attune audit --journal journal.json",
    "attune audit --journal journal.json --server https://fleet.example --admin-token-file token --json",
  ],
});
