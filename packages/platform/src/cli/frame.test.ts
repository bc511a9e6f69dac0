// A command line through the whole frame: a person's words, the body's input, and the answer to a mistake.

import { expect, test } from "vitest";
import { type Body, command, declare, group } from "./declaration.js";
import { helpOf } from "./help.js";
import { type CommandIo, type Program, placesIn, rootOf } from "./program.js";
import { perform, runProgram } from "./run.js";
import { parseDuration } from "./values.js";
import { version } from "./version.js";

const bake = declare({
  name: "bake",
  alias: "roast",
  summary: "Bake a cake",
  details: ["The oven is warm."],
  arguments: [
    { name: "CAKE", meaning: "the cake", choices: ["lemon", "plum"] },
    { name: "GUEST", meaning: "the guests", variadic: true, optional: true },
  ],
  options: {
    heat: { value: "DEGREES", meaning: "the heat", whole: { from: 50, to: 250 }, default: "180" },
    time: { value: "DURATION", meaning: "how long", parse: parseDuration, required: true },
    "with-icing": { meaning: "add icing" },
    spice: { value: "NAME", meaning: "a spice", multiple: true },
    slices: { value: "N", meaning: "how many slices", whole: { from: 1 } },
    tin: { value: "FILE", meaning: "the tin", path: "file" },
  },
  examples: ["kitchen bake lemon --time 40m"],
});
const wash = declare({ name: "wash", summary: "Wash up", examples: ["kitchen sink wash"] });
const sink = declare({ name: "sink", summary: "Use the sink", examples: ["kitchen sink wash"] });

const seen: unknown[] = [];
const runBake: Body<typeof bake, CommandIo> = async ({ values, arguments: [cake, guests] }) => {
  // The types follow from the declaration.
  const heat: number = values.heat;
  const timeMs: number = values.time;
  const tin: string | undefined = values.tin;
  const kind: "lemon" | "plum" = cake;
  seen.push({ heat, timeMs, tin, icing: values["with-icing"], spices: values.spice, kind, guests });
};
const kitchen = (quotes: boolean): Program<CommandIo> => ({
  name: "kitchen",
  summary: "Cook",
  examples: [],
  commands: [
    command(bake, async () => runBake),
    group(sink, [command(wash, async () => async (): Promise<number> => 7)]),
  ],
  shared: { json: { meaning: "print JSON" } },
  quotes,
});

async function cook(argv: readonly string[], quotes = true) {
  const out: string[] = [];
  const io = { stdout: (line: string) => void out.push(line), stderr: () => {}, json: false, isTty: false };
  seen.length = 0;
  const code = await perform(kitchen(quotes), argv, { io, open: (_values, own) => own });
  return { code, out: out.join("\n") };
}
const refusal = (argv: readonly string[], quotes?: boolean) =>
  cook(argv, quotes).then(
    () => expect.fail("it was taken"),
    (error: Error & { code: string }) => {
      expect(error.code).toBe("INVALID_INPUT");
      return error.message;
    },
  );

test("a body gets values of the declared types, in any order of words", async () => {
  await cook(["bake", "--time", "40m", "plum", "--with-icing", "Ann", "--spice", "a", "--spice=-b", "Bob"]);
  expect(seen).toEqual([
    {
      heat: 180,
      timeMs: 2_400_000,
      tin: undefined,
      icing: true,
      spices: ["a", "-b"],
      kind: "plum",
      guests: ["Ann", "Bob"],
    },
  ]);
  await cook(["roast", "--time", "1h", "lemon", "--", "--heat", "-x"]);
  expect(seen).toMatchObject([{ spices: [], icing: false, guests: ["--heat", "-x"] }]);
});

test("the exit code is the body's own", async () => {
  expect((await cook(["bake", "lemon", "--time", "1s"])).code).toBe(0);
  expect((await cook(["sink", "wash"])).code).toBe(7);
});

test.each([
  [
    ["bkae"],
    'there is no command "bkae" (did you mean bake?); the commands are: bake, roast, sink; see kitchen --help',
  ],
  [["cut", "--help"], 'there is no command "cut"; the commands are: bake, roast, sink; see kitchen --help'],
  [
    ["help", "bkae"],
    'there is no command "bkae" (did you mean bake?); the commands are: bake, roast, sink; see kitchen --help',
  ],
  [
    ["help", "sink", "wsh"],
    'there is no command "wsh" in kitchen sink (did you mean wash?); the commands are: wash; see kitchen sink --help',
  ],
  [["help", "bake", "lemon"], "kitchen bake has no commands of its own; see kitchen bake --help"],
  [["sink"], "kitchen sink needs a command, one of wash; see kitchen sink --help"],
  [
    ["sink", "wsh"],
    'there is no command "wsh" in kitchen sink (did you mean wash?); the commands are: wash; see kitchen sink --help',
  ],
  [["bake", "lemon", "--tme", "1s"], "unknown option --tme (did you mean --time?); see kitchen bake --help"],
  [["bake", "lemon"], "--time is missing: how long; see kitchen bake --help"],
  [["bake"], "CAKE is missing: the cake, one of lemon, plum; see kitchen bake --help"],
  [["bake", "cherry", "--time", "1s"], "CAKE cherry is not one of lemon, plum; see kitchen bake --help"],
  [
    ["bake", "lemon", "--time", "soon"],
    "--time soon is not a duration such as 90s, 15m, 1h or 7d; see kitchen bake --help",
  ],
  [
    ["bake", "lemon", "--time", "1s", "--heat", "300"],
    "--heat 300 is not a whole number from 50 to 250; see kitchen bake --help",
  ],
  [
    ["bake", "lemon", "--time", "1s", "--slices", "0"],
    "--slices 0 is not a whole number from 1 upwards; see kitchen bake --help",
  ],
  [["bake", "lemon", "--time", "1s", "--tin", ""], "--tin is empty; see kitchen bake --help"],
  [
    ["bake", "lemon", "--tin", "--time", "1s"],
    "--tin lacks its value; a value that begins with - is given as --tin=VALUE; see kitchen bake --help",
  ],
  [["sink", "wash", "cup"], '"cup" is one argument too many; usage: kitchen sink wash [options]'],
])("kitchen %j is refused", async (argv, message) => expect(await refusal(argv)).toBe(message));

test("a program of private texts repeats none of them", async () => {
  for (const argv of [
    ["secret"],
    ["help", "secret"],
    ["bake", "secret", "--time", "1s"],
    ["bake", "lemon", "--secret"],
    ["bake", "-secret"],
    ["bake", "lemon", "--time", "secret"],
    ["sink", "secret"],
    ["sink", "wash", "secret"],
  ]) {
    expect(await refusal(argv, false)).not.toContain("secret");
  }
});

test("a wrong use exits with 2, and a defect with 1", async () => {
  const io = { stdout: () => {}, stderr: () => {}, isTty: false };
  const fail: Body<typeof wash, CommandIo> = async () => {
    throw new Error("no water");
  };
  const program = { ...kitchen(true), commands: [command(wash, async () => fail)] };
  const host = { io, open: (_values: unknown, own: CommandIo) => own, describeDefect: String, alwaysInWords: false };
  const codeOf = (...argv: string[]) => runProgram(program, argv, host);
  expect(await codeOf("wash")).toBe(1);
  expect(await codeOf("wsh")).toBe(2);
  expect(await codeOf("help", "wash", "up")).toBe(2);
  expect(await codeOf("wash", "--hot", "--json")).toBe(2);
});

test("--version prints the version alone, and --json an object of it", async () => {
  expect(await cook(["--version"])).toEqual({ code: 0, out: version });
  const out: string[] = [];
  const io = { stdout: (line: string) => void out.push(line), stderr: () => {}, isTty: false };
  const host = { io, open: (_values: unknown, own: CommandIo) => own, describeDefect: String, alwaysInWords: false };
  expect(await runProgram(kitchen(true), ["--version", "--json"], host)).toBe(0);
  expect(out).toEqual([JSON.stringify({ version })]);
});

test("a long term and a long example stay within the help's width", () => {
  const wide = declare({
    name: "wide",
    summary: "Be wide",
    sections: [
      { title: "Rooms", items: [["PANTRY, CELLAR, SCULLERY AND LARDER", `a ${"very ".repeat(20)}wide room`]] },
    ],
    examples: [`kitchen wide ${"--with a-thing ".repeat(12)}--end`],
  });
  const [, place] = placesIn(rootOf({ ...kitchen(true), commands: [command(wide, async () => async () => {})] }));
  const help = helpOf(place!);
  expect(help.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(help).toMatch(/\n {2}PANTRY, CELLAR, SCULLERY AND LARDER\n {3,}a very /);
  expect(help.replaceAll(/ \\\n +/g, " ")).toContain(`kitchen wide ${"--with a-thing ".repeat(12)}--end`);
});

test("help shows usage, arguments, options with their ranges' ends, and examples", async () => {
  const { code, out } = await cook(["bake", "--help"]);
  expect(code).toBe(0);
  expect(out).toMatch(
    /^Usage: kitchen bake --time DURATION \[options\] CAKE \[GUEST\.\.\.\]\n\nBake a cake\.\n\nThe oven is warm\.\n/,
  );
  expect(out).toMatch(/\n {2}CAKE +the cake: lemon, plum\n/);
  expect(out).toMatch(/\n {2}--heat DEGREES +the heat \(default: 180\)\n/);
  expect(out).toMatch(/\n {2}--spice NAME +a spice \(may be repeated\)\n/);
  expect(out).toMatch(/\nExamples:\n {2}kitchen bake lemon --time 40m$/);
  expect((await cook(["help", "bake"])).out).toBe(out);
  expect((await cook(["help", "roast"])).out).toBe(out);
  expect((await cook(["--help"])).out).toMatch(/\nCommands:\n {2}bake, roast +Bake a cake\n {2}sink +Use the sink\n/);
  expect(await cook([])).toMatchObject({ code: 2, out: expect.stringContaining("Usage: kitchen COMMAND") });
  for (const place of placesIn(rootOf(kitchen(true)))) expect(helpOf(place)).toContain("-h, --help");
});
