import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { version } from "@attune/platform/cli/version";
import { labelSetOf } from "@attune/shared/contracts/label-set";
import { maxUtteranceCodePoints } from "@attune/shared/contracts/local-api";
import { afterEach, beforeEach, expect, test } from "vitest";
import { runCli } from "./cli.js";
import { inWords } from "./forget.js";
import { inWords as predictionInWords } from "./predict.js";
import { mixtureInWords } from "./status.js";

const commands = ["enrol", "run", "predict", "label", "learn", "status", "forget", "journal"];
let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), "attune-cli-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

async function call(argv: string[], stdin = "", variables: NodeJS.ProcessEnv = {}) {
  let out = "";
  let err = "";
  const code = await runCli(
    argv,
    {
      stdout: (line) => {
        out += `${line}\n`;
      },
      stderr: (text) => {
        err += text;
      },
      isTty: false,
      stdin: (async function* () {
        yield stdin;
      })(),
    },
    { ATTUNE_AGENT_HOME: home, ...variables },
  );
  return { code, out, err };
}

test("every command explains itself with examples", async () => {
  const overview = await call(["--help"]);
  for (const name of commands) {
    expect(overview.out).toMatch(new RegExp(`^ {2}${name}[ ,]`, "m"));
    const { code, out } = await call([name, "--help"]);
    expect(code).toBe(0);
    expect(out).toContain(`Usage: attune-agent ${name}`);
    expect(out).toMatch(/--home DIR[\s\S]*--json[\s\S]*Examples:\n {2}\S/);
  }
});

test("an error says what happened and what to do; with --json it is one object on stdout", async () => {
  const words = await call(["status"]);
  expect(words.code).toBe(6);
  expect(words.out).toBe("");
  expect(words.err).toMatch(/^error NOT_ENROLLED: .*\nwhat to do: .*\n$/);
  const json = await call(["status", "--json"]);
  expect(json.code).toBe(6);
  expect(JSON.parse(json.out)).toEqual({
    error: { code: "NOT_ENROLLED", message: expect.any(String), remedy: expect.any(String) },
  });
  expect(json.err).toBe("");
});

test("what others name reaches a terminal without what it would obey", async () => {
  const { err } = await call(["status", "--home", join(home, "\u001b[2J\u202e")]);
  expect(err).toContain("?[2J?");
  for (const character of ["\u001b", "\u202e"]) expect(err).not.toContain(character);
});

test("commands that need the daemon say that it does not run, and leave no trace in the directory", async () => {
  for (const argv of [
    ["predict", "hello"],
    ["label", "--id", "a", "--label", "joy", "hello"],
    ["learn"],
    ["forget", "a"],
  ]) {
    expect((await call(argv)).err).toContain("error AGENT_NOT_RUNNING");
  }
  expect((await call(["run"])).err).toContain("error NOT_ENROLLED");
  expect(await readdir(home)).toEqual([]);
});

test("an argument that belongs behind a flag is refused with the flag's name, without a word of the text", async () => {
  const { err } = await call(["label", "u1", "anger", "so sad today"]);
  expect(err).toContain("label takes one argument beside its flags");
  expect(err).toContain("usage: attune-agent label --id ID --label EMOTION [options] TEXT");
  expect(err).not.toContain("sad");
});

test("a text that begins with a dash follows --, as the error says without a word of the text", async () => {
  const { err } = await call(["predict", "-hello"]);
  expect(err).toContain("a text that begins with - follows --, as in: attune-agent predict -- TEXT");
  expect(err).not.toContain("hello");
  expect((await call(["predict", "--", "-hello"])).err).toContain("error AGENT_NOT_RUNNING");
});

test("whoever looks for a way to correct finds it", async () => {
  const { out } = await call(["correct", "--help"]);
  expect(out).toContain("Correct the emotion of a text");
  expect(out).toContain("attune-agent label --id ID --label EMOTION");
  expect((await call(["correct", "--id", "a", "--label", "joy", "hello"])).err).toContain("error AGENT_NOT_RUNNING");
});

test("a limit of the machine and a place that may not be used are no defects", async () => {
  const { err } = await call(["status", "--home", "/dev/null/home"]);
  expect(err).not.toContain("defect");
  expect(err).toMatch(/^error (INVALID_CONFIGURATION|NOT_ENROLLED): /);
});

test("wrong usage is refused without a word of the text", async () => {
  for (const argv of [
    ["predict"],
    ["predict", "so sad", "today"],
    ["predict", "-", "--mood"],
    ["predict", "-so-sad-today"],
    ["label", "--id", "a", "so sad today"],
    ["label", "--label", "joy", "so sad today"],
    ["predict", "   "],
    ["journal", "--after", "so sad today"],
    ["enrol", "--server", "http://127.0.0.1:1"],
    ["dance"],
  ]) {
    const { code, err } = await call(argv);
    expect(code).toBe(2);
    expect(err).toContain("error INVALID_INPUT");
    expect(err).not.toMatch(/so.sad.today/);
  }
  for (const server of ["127.0.0.1:7310", "ftp://host", "http://host/path", "http://user@host"]) {
    expect((await call(["enrol", "--server", server, "--token", "x"])).err).toContain("error INVALID_CONFIGURATION");
  }
  expect((await call(["status"], "", { ATTUNE_LOG_LEVEL: "loud" })).err).toContain("ATTUNE_LOG_LEVEL");
});

test("the longest text reaches the agent, as an argument or on standard input; one code point more does not", async () => {
  const longest = "\u{1f600}".repeat(maxUtteranceCodePoints);
  for (const [argument, stdin] of [
    [longest, ""],
    ["-", ` ${longest}\n`],
  ] as const) {
    expect((await call(["predict", argument], stdin)).err).toContain("error AGENT_NOT_RUNNING");
    const longer = await call(["predict", argument === "-" ? "-" : `${argument}a`], stdin.replace("\n", "a\n"));
    expect(longer.err).toContain("error INVALID_INPUT: TEXT is longer than 8192 code points");
    const label = ["label", "--id", "a", "--label", "joy"];
    expect((await call([...label, argument], stdin)).err).toContain("error AGENT_NOT_RUNNING");
  }
});

test("what a command is given is refused before the agent is asked", async () => {
  const refused = await call(["label", "--id", "a", "--label", "Bliss!", "a text"]);
  expect(refused.err).toContain("error INVALID_INPUT: label must be 1 to 32 characters of a-z, 0-9 and -");
  expect(refused.err).not.toContain("Bliss");
});

test("status says how the experts weigh, and how far the mixture is behind the best of them", () => {
  const experts = [
    { name: "prior", weight: 0.314 },
    { name: "prior + personal", weight: 0.686 },
  ];
  expect(mixtureInWords({ experts, labels: 40, behindBest: 0.81, atMost: 5.07 })).toBe(
    "prior 31%; prior + personal 69%; 0.8 nats behind the best of them after 40 labels, at most 5.1 behind",
  );
  expect(mixtureInWords({ experts, labels: 1, behindBest: -1.26, atMost: 0.7 })).toBe(
    "prior 31%; prior + personal 69%; 1.3 nats ahead of the best of them after 1 label, at most 0.7 behind",
  );
  expect(mixtureInWords({ experts, labels: 0, behindBest: 0, atMost: 0 })).toBe(
    "prior 31%; prior + personal 69%; no label yet",
  );
});

test("forget says whether the head was refitted", () => {
  expect(inWords("a", { removed: false })).toBe("there was no utterance a");
  expect(inWords("a", { removed: true, retrained: true })).toBe("removed a; the head was refitted without it");
  expect(inWords("a", { removed: true, retrained: false })).toBe("removed a; no head had learned yet");
  expect(inWords("a", { removed: true })).toBe("removed a");
});

test("predict shows a label by the words of its release, and by its slug where the release has none", () => {
  const probabilities = { calm: 0.25, tense: 0.75 };
  const prediction = {
    ...{ id: null, label: "tense", predictionSet: ["tense"], probabilities },
    ...{ head: "prior" as const, ms: 1.234 },
  };
  expect(predictionInWords(prediction, labelSetOf(["calm", "tense"], { calm: "At ease", tense: "On edge" }))).toBe(
    `Sounds like On edge (prior head, 1.23 ms)\n  On edge   75.0% ${"█".repeat(15)}\n  At ease   25.0% ${"█".repeat(5)}`,
  );
  expect(predictionInWords(prediction, [])).toContain("tense (prior head");
});

test.each([
  [["joy", "surprise"], "Sounds like joy, maybe surprise (prior head"],
  [["joy", "surprise", "anger"], "Sounds like joy, maybe surprise or anger (prior head"],
  [["joy", "surprise", "anger", "fear"], "Not sure: joy, surprise, anger or fear (prior head"],
])("predict names the labels of the set %o", (predictionSet, expected) => {
  const probabilities = Object.fromEntries(predictionSet.map((label) => [label, 1 / predictionSet.length]));
  const prediction = { id: null, label: "joy", predictionSet, probabilities, head: "prior", ms: 1 } as const;
  expect(predictionInWords(prediction, [])).toContain(expected);
});

test("--version prints the version", async () => {
  expect(await call(["--version"])).toEqual({ code: 0, out: `${version}\n`, err: "" });
});
