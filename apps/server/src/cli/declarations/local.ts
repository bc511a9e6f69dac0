// Declares the commands that run on this machine: a server, the demos, the benchmarks.

import { declare } from "@attune/platform/cli/declaration";
import { benchParts, partNames } from "../../bench-parts.js";

const data = {
  value: "DIR",
  meaning: "people from a folder in MELD's form: train_sent_emo.csv, dev_sent_emo.csv (default: the sample people)",
  path: "folder",
} as const;

const peopleRange = { from: 1, to: 100 } as const;

export const start = declare({
  name: "start",
  summary: "Start a server and three agents, and show how each tunes itself to its person",
  details: [
    "Starts PostgreSQL, NATS and the server, publishes the bundled release, and starts each agent as a process of its own.",
    "Everything stays up until Ctrl-C. The next start resumes from the same directory.",
  ],
  options: {
    data,
    people: {
      value: "N",
      meaning: "the number of agents, one for each person in the data (default: 3)",
      whole: peopleRange,
    },
    home: {
      value: "DIR",
      meaning: "the directory of all files (default: ATTUNE_HOME, else .attune-demo)",
      path: "folder",
    },
  },
  sections: [
    {
      title: "Environment",
      items: [
        ["ATTUNE_HTTP_PORT", "the server's port (default: 7310; 0 takes a free one)"],
        ["ATTUNE_NATS_PORT", "the port of NATS (default: 7322; 0 takes a free one)"],
        ["ATTUNE_POSTGRES_PORT", "the port of PostgreSQL (default: 7332; 0 takes a free one)"],
      ],
    },
  ],
  examples: ["attune start", "ATTUNE_HOME=/var/lib/attune attune start --people 6"],
});

export const demo = declare({
  name: "demo",
  summary: "Run the whole loop for six people to completion, and measure it",
  details: [
    "Starts PostgreSQL, NATS, the server and one agent process for each person.",
    "Each agent predicts, is corrected by its person, tunes its head and reports.",
    "The closing table shows the gain of tuning, and the bytes and the bits about the person that left each device.",
    "Exits with 0 when every report reached the server exactly once and no byte of text left a device.",
  ],
  options: {
    data,
    people: {
      value: "N",
      meaning: "the number of people, most talkative first (default: 6, or all people in the data)",
      whole: peopleRange,
    },
    home: {
      value: "DIR",
      meaning:
        "the directory of all files, from which a second run resumes (default: ATTUNE_HOME, else a temporary one)",
      path: "folder",
    },
  },
  examples: ["attune demo", "attune demo --json > result.json", "attune demo --data ../data/meld"],
});

export const bench = declare({
  name: "bench",
  summary: "Measure predictions, training of heads and cold starts beside their peers",
  details: [
    "Runs our engines and their peers in turn, and prints medians, 90th percentiles and ratios. A ratio is the fastest peer's median over ours.",
    "Without a part it measures predictions of the bundled extractor and training of heads, for two minutes. Leave the machine alone meanwhile.",
    "ONNX Runtime is fetched into the cache folder (XDG_CACHE_HOME). Scikit-learn and NumPy take part if python3 (or ATTUNE_PYTHON) has them.",
    "With ATTUNE_DATA the sentences and the vocabulary are the paper's. Without it they come from the sample people and the bundled extractor.",
  ],
  arguments: [{ name: "PART", meaning: "the part to measure", optional: true, choices: [...partNames, "all"] }],
  options: {
    out: {
      value: "DIR",
      meaning: "keep each part's results in DIR; the part all resumes from the results in it",
      path: "folder",
    },
    markdown: {
      value: "FILE",
      meaning: "write the tables into FILE, between its comments <!-- bench table8 --> and <!-- end bench -->",
      path: "file",
    },
  },
  sections: [
    {
      title: "Parts",
      items: [
        ...Object.entries(benchParts),
        ["all", "every part, each in a process of its own: about fourteen minutes on two quiet cores"],
      ],
    },
  ],
  examples: [
    "attune bench",
    "attune bench table8",
    "attune bench table10 --json > table10.json",
    "attune bench all --out results --markdown docs/performance.md",
  ],
});

export const server = declare({
  name: "server",
  summary: "Run the server: database, message bus, catalogue, rollouts and ingestion",
  details: [
    "Runs PostgreSQL, nats-server and the server until SIGTERM or Ctrl-C. Prints the addresses once the server is ready.",
    "The log goes to standard error, one JSON object a line.",
    "With --write-nats-config nothing starts: the command makes the NATS keys and writes the configuration for a nats-server of your own.",
    "Start that one with nats-server -c DIR/nats-server.conf, then run attune server with NATS_URL.",
  ],
  options: {
    home: { value: "DIR", meaning: "a directory in place of ATTUNE_HOME", path: "folder" },
    demo: { meaning: "also take the egress contract of demonstrations, whose slots last seconds in place of a week" },
    "write-nats-config": { value: "DIR", meaning: "prepare DIR for a nats-server of your own", path: "folder" },
    "nats-listen": {
      value: "HOST:PORT",
      meaning: "the address on which that nats-server listens",
      default: "0.0.0.0:4222",
      parse: parseListenAddress,
    },
  },
  sections: [
    {
      title: "Environment",
      items: [
        ["ATTUNE_HOME", "the directory of all files (default: .attune)"],
        ["ATTUNE_HOST", "the address that HTTP and NATS listen on (default: 127.0.0.1; 0.0.0.0 or :: is all)"],
        ["ATTUNE_HTTP_PORT", "the port of HTTP (default: 7310; 0 chooses a free port once and keeps it)"],
        ["ATTUNE_NATS_PORT", "the port of NATS (default: 7322; 0 as above)"],
        ["ATTUNE_NATS_WEBSOCKET_PORT", "the port of NATS for agents in browsers, on this machine alone (default: 0)"],
        ["ATTUNE_POSTGRES_PORT", "the port of PostgreSQL (default: 7332; 0 as above)"],
        ["ATTUNE_POLL_INTERVAL_MS", "how often devices ask for their release (default: 30000)"],
        ["ATTUNE_LOG_LEVEL", "debug, info, warn, error or silent (default: info)"],
        [
          "DATABASE_URL",
          "an existing PostgreSQL in place of the embedded one; schema= in it names the schema of the tables",
        ],
        [
          "NATS_URL",
          "an existing nats-server that trusts this server's operator key; tls://HOST:PORT demands TLS of it",
        ],
        ["NATS_WEBSOCKET_URL", "the WebSocket address of that NATS, for agents in browsers (default: none)"],
        [
          "ATTUNE_PUBLIC_NATS_URL",
          "the address of NATS that devices receive (default: NATS_URL, else the address on which NATS listens)",
        ],
        [
          "ATTUNE_TRUSTED_PROXIES",
          "addresses or networks of proxies, with commas between, whose X-Forwarded-For the server trusts",
        ],
        ["NATS_SERVER_BIN", "the nats-server program, if it is not on PATH"],
        [
          "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
          "proxies for downloads alone; devices, PostgreSQL and NATS are reached directly",
        ],
      ],
    },
  ],
  examples: ["attune server", "ATTUNE_HOME=/var/lib/attune-fleet ATTUNE_HTTP_PORT=0 attune server --json"],
});

const ownHome = { value: "DIR", meaning: "a directory in place of ATTUNE_HOME", path: "folder" } as const;

export const backup = declare({
  name: "backup",
  summary: "Copy a running server's database, content and keys into a folder",
  details: [
    "The rows are those of one moment, and the content is the content that they name. The server serves meanwhile.",
    "The folder is not encrypted. It holds the keys that sign releases, so keep it as secret as ATTUNE_HOME.",
    "Reports that the broker holds and the server has not stored yet are not in it.",
  ],
  arguments: [{ name: "DIR", meaning: "the new folder, which only its owner can read", path: "folder" }],
  options: { home: ownHome },
  sections: [
    {
      title: "Environment",
      items: [["DATABASE_URL", "the server's PostgreSQL, where it is not the embedded one"]],
    },
  ],
  examples: ["attune backup /var/backups/attune-1", "ATTUNE_HOME=/var/lib/attune-fleet attune backup attune-1 --json"],
});

export const restore = declare({
  name: "restore",
  summary: "Put a backup into an empty home",
  details: [
    "The command checks every file of the backup first. It refuses a home or a database that is not empty.",
    "A restore that was interrupted is repeated by the same command. No server starts before it is complete.",
  ],
  arguments: [{ name: "DIR", meaning: "the folder that attune backup wrote", path: "folder" }],
  options: { home: ownHome },
  sections: [
    {
      title: "Environment",
      items: [["DATABASE_URL", "an empty PostgreSQL to restore into, in place of the embedded one"]],
    },
  ],
  examples: ["attune restore /var/backups/attune-1 --home /var/lib/attune-fleet"],
});

interface ListenAddress {
  readonly listenHost: string;
  readonly port: number;
}

function parseListenAddress(text: string): ListenAddress {
  const match = /^(.+):(\d{1,5})$/.exec(text);
  const [, host = "", port = ""] = match ?? [];
  if (match === null || Number(port) < 1 || Number(port) > 65_535) throw new SyntaxError("is not HOST:PORT");
  return { listenHost: host.replace(/^\[(.*)\]$/, "$1"), port: Number(port) };
}
