// The commands of `attune-agent`, as a person types them.

import { declare } from "@attune/platform/cli/declaration";

const server = { value: "URL", meaning: "the fleet's server (default: ATTUNE_SERVER)" } as const;

/** Text on the command line is seen by every user of the machine in `ps` and stays in the shell's history. */
const privacyNote =
  "Other users of this machine can see a text given as an argument (ps), and the shell's history keeps it. Give - and the text on standard input instead.";

const text = {
  name: "TEXT",
  meaning: "the text, or - to read it from standard input; a text that begins with - follows --",
} as const;

export const enrol = declare({
  name: "enrol",
  summary: "Join a fleet with a one-time token",
  details: ["The device's key is made here and stays here. The server receives the key's public half alone."],
  options: {
    server,
    token: {
      value: "TOKEN",
      meaning: "the token that attune token create printed, or - to read it from standard input",
      required: true,
    },
  },
  examples: [
    "attune-agent enrol --server http://127.0.0.1:7310 --token attune1.…",
    "attune-agent enrol --server https://fleet.example --token - < token.txt",
  ],
});

export const run = declare({
  name: "run",
  summary: "Run the agent until it is asked to stop",
  details: [
    "The agent polls for releases, predicts, learns, and reports numbers. SIGTERM or Ctrl-C stops it cleanly.",
    "The local API listens on 127.0.0.1. Its address is in local-api.json and its token in local-token, both in the device's directory.",
    "The token in predict-token may only predict. Give it to a program that needs no more.",
    "The log goes to standard error, one JSON object a line. The server and NATS are reached directly: HTTPS_PROXY is not used.",
  ],
  options: {
    server: { ...server, meaning: "the fleet's server (default: ATTUNE_SERVER, else the server of the enrolment)" },
    token: { value: "TOKEN", meaning: "a one-time token, used only if the device is not enrolled yet" },
    demo: { meaning: "also know the egress contract of demonstrations, whose slots last seconds in place of a week" },
  },
  sections: [
    {
      title: "Environment",
      items: [
        ["ATTUNE_AGENT_PORT", "the port of the local API (default: a free one)"],
        ["ATTUNE_NATS_URL", "a relay of NATS at the device's site, in place of the server's address"],
        ["ATTUNE_OUTBOX_LIMIT", "the number of reports that may wait for the broker (default: 10000)"],
        ["ATTUNE_THREADS", "the threads that the kernels may use (default: 1); attune-agent status names the engine"],
        ["ATTUNE_LOG_LEVEL", "debug, info, warn, error or silent (default: info)"],
      ],
    },
  ],
  examples: ["attune-agent run", "attune-agent run --home ./kitchen --server http://127.0.0.1:7310 --token attune1.…"],
});

export const predict = declare({
  name: "predict",
  summary: "Recognise the emotion of a text",
  details: ["The agent stores only how long the prediction took.", privacyNote],
  arguments: [text],
  examples: [
    "attune-agent predict - < note.txt",
    "echo 'I got the job!' | attune-agent predict - --json",
    "attune-agent predict -- '- no, not at all'",
  ],
});

export const label = declare({
  name: "label",
  alias: "correct",
  summary: "Correct the emotion of a text, from which the agent learns",
  details: [
    "The command correct is another name of label.",
    "The text is stored encrypted, in the device's directory alone. The same ID again replaces text and emotion.",
    "The next prediction has learned it. Without --split, one utterance in five also tests each refit.",
    privacyNote,
  ],
  arguments: [text],
  options: {
    id: { value: "ID", meaning: "your name for the utterance: 1 to 64 of A-Z a-z 0-9 _ -", required: true },
    label: {
      value: "EMOTION",
      meaning: "the true emotion: one of the release's labels, which attune-agent status lists",
      required: true,
    },
    split: {
      value: "SPLIT",
      meaning: "to learn from, or to test each refit on before it is learned",
      choices: ["train", "holdout"],
    },
  },
  examples: [
    "attune-agent label --id note-1 --label sadness - < note.txt",
    "echo 'I got the job!' | attune-agent correct --id note-2 --label joy -",
  ],
});

export const learn = declare({
  name: "learn",
  summary: "Refit the personal head now",
  details: [
    "The agent learns each label at once, and refits by itself in quiet moments: with 10, 20, 40, 80, … labels.",
  ],
  options: { report: { meaning: "under version 1 of the egress contract, queue a metrics report about the refit" } },
  examples: ["attune-agent learn", "attune-agent learn --report --json"],
});

export const status = declare({
  name: "status",
  summary: "Show the release, the head, the speed, and every byte that has left the device",
  details: [
    "Bits about the person are the most that the server can know about you; a letter of a text takes about 1.5 bits.",
    "Works without a running agent too, by reading the device's directory.",
  ],
  examples: ["attune-agent status", "attune-agent status --json"],
});

export const agree = declare({
  name: "agree",
  summary: "Agree to a version of the egress contract",
  details: [
    "A version that says less than the version before needs no agreement.",
    "An earlier version takes the agreement to later versions back.",
    "docs/privacy-contract.md lists everything that the present version lets leave.",
  ],
  arguments: [{ name: "VERSION", meaning: "the number of the contract" }],
  examples: ["attune-agent agree 2"],
});

export const letIn = declare({
  name: "let-in",
  summary: "Take the release that waits for its verdict, without a verdict",
  details: [
    "The agent judges one release a week on your labels. A further release waits, and attune-agent status shows it.",
    "The server learns that the release runs here, and nothing about your labels.",
  ],
  examples: ["attune-agent let-in"],
});

const passphraseFile = {
  value: "FILE",
  meaning: "the file that holds the passphrase, or - for standard input",
} as const;

export const exportDiary = declare({
  name: "export",
  summary: "Copy the diary into one encrypted file",
  details: [
    "The file has the format age. Without a passphrase of yours, one is made and shown once.",
    "The file holds what you wrote, your labels and the times, and nothing that was learned: a device learns anew from it.",
  ],
  arguments: [{ name: "FILE", meaning: "the new file", path: "file" }],
  options: { "passphrase-file": passphraseFile },
  examples: ["attune-agent export diary.age", "attune-agent export diary.age --passphrase-file - < passphrase.txt"],
});

export const importDiary = declare({
  name: "import",
  summary: "Take the entries of an exported diary in, and learn from them",
  details: [
    "Entries that are here already stay as they are. Entries that were forgotten here stay away.",
    "Nothing is taken in unless the whole file can be read. An import that was cut off is finished by importing again.",
  ],
  arguments: [{ name: "FILE", meaning: "the file that attune-agent export wrote", path: "file" }],
  options: { "passphrase-file": { ...passphraseFile, required: true } },
  examples: ["attune-agent import diary.age --passphrase-file - < passphrase.txt"],
});

export const ui = declare({
  name: "ui",
  summary: "Show a link to the page of this device: write, correct, read the diary and what left",
  details: [
    "The page is served by the running agent on 127.0.0.1 only. It holds nothing until the link has opened it.",
    "The tab stays open until the agent stops. From another machine, forward the agent's port by ssh -L first.",
  ],
  examples: ["attune-agent ui"],
});

export const forget = declare({
  name: "forget",
  summary: "Remove a stored text for good and unlearn it",
  details: [
    "The head is refitted without the text, as if it had never been said.",
    "The text stays forgotten when the store is restored from an earlier copy, unless the file forgotten beside it is restored too.",
  ],
  arguments: [{ name: "ID", meaning: "the utterance's name, as it was given to label" }],
  examples: ["attune-agent forget note-1"],
});

export const journal = declare({
  name: "journal",
  summary: "List every message that has left the device",
  details: [
    "Each line shows index, day, kind, path, bytes, bits about the person, and the message itself.",
    "Works without a running agent too.",
  ],
  options: {
    after: {
      value: "INDEX",
      meaning: "only the entries after this index",
      whole: { from: 0 },
    },
    limit: {
      value: "COUNT",
      meaning: "the most entries to list (default: all)",
      whole: { from: 0 },
    },
  },
  examples: ["attune-agent journal", "attune-agent journal --after 41 --json"],
});
