import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Body, command, declare, group, type Input } from "@attune/platform/cli/declaration";
import { type CommandIo, placesIn, rootOf } from "@attune/platform/cli/program";
import { version } from "@attune/platform/cli/version";
import { AppError } from "@attune/shared/errors";
import { expect, onTestFinished, test } from "vitest";
import { publishFolder } from "../client/publish-folder.js";
import { attune } from "./commands.js";
import { dispatch } from "./dispatch.js";

const greet = declare({
  name: "greet",
  summary: "Say hello",
  arguments: [{ name: "WORD", meaning: "a word", variadic: true, optional: true }],
  options: { name: { value: "NAME", meaning: "whom to greet" } },
  examples: ["attune greet"],
});
type Greet = Body<typeof greet, CommandIo>;

async function run(argv: string[], body: Greet = async () => 0) {
  const out: string[] = [];
  const err: string[] = [];
  const twice = declare({ name: "twice", summary: "Say hello twice", examples: ["attune often twice"] });
  const often = declare({ name: "often", summary: "Say hello often", examples: ["attune often twice"] });
  const commands = [
    command(greet, async () => body),
    group(often, [command(twice, async () => async (_input: Input<typeof twice>, _io: CommandIo) => 0)]),
  ];
  const io = {
    stdout: (line: string) => void out.push(line),
    stderr: (text: string) => void err.push(text),
    isTty: false,
  };
  const code = await dispatch(argv, { io, program: { ...attune, commands } });
  return { code, out, err: err.join("") };
}

test("--help lists the commands, and each has its own", async () => {
  expect((await run(["--help"])).out.join("\n")).toContain("greet  Say hello");
  const { code, out } = await run(["greet", "--help"]);
  expect(code).toBe(0);
  expect(out.join("\n")).toMatch(/^Usage: attune greet \[options\] \[WORD\.\.\.\]\n/);
});

test("a command gets its arguments without --json, which it finds in its io", async () => {
  const seen: unknown[] = [];
  await run(["greet", "--name", "Ada", "--json"], async ({ values }, io) => {
    seen.push(values.name, io.json);
  });
  expect(seen).toEqual(["Ada", true]);
});

test("what follows -- is the command's own, whatever it looks like", async () => {
  let seen: string[] = [];
  await run(["greet", "--", "--json", "--help"], async ({ arguments: [words] }, io) => {
    seen = [...(words ?? []), String(io.json)];
  });
  expect(seen).toEqual(["--json", "--help", "false"]);
});

test("an error says what and what to do about it, and ends with 1", async () => {
  const fail = async () => {
    throw new AppError("PORT_IN_USE", "port 7310 (ATTUNE_HTTP_PORT) is in use");
  };
  const text = await run(["greet"], fail);
  expect(text.code).toBe(1);
  expect(text.out).toEqual([]);
  expect(text.err).toMatch(
    /^error PORT_IN_USE: port 7310 \(ATTUNE_HTTP_PORT\) is in use\nwhat to do: Stop the program/,
  );
  const json = await run(["greet", "--json"], fail);
  expect(json.out).toHaveLength(1);
  expect(JSON.parse(json.out[0]!)).toMatchObject({ error: { code: "PORT_IN_USE", remedy: expect.any(String) } });
});

test("what a file calls its parts neither moves the terminal's cursor nor fills its pages", async () => {
  const message = `model.bin: tensor "\u001b[2J\u009b1A\u202e\r\n${"w".repeat(3_000_000)}" has shape [1]`;
  const fail = async () => {
    throw new AppError("INVALID_CHECKPOINT", message);
  };
  const shown = /^model\.bin: tensor "\?\[2J\?1A\? w+ … w+" has shape \[1\]$/;
  const { err } = await run(["greet"], fail);
  const [line, next] = err.split("\n");
  expect(line!.slice("error INVALID_CHECKPOINT: ".length)).toMatch(shown);
  expect(line!.length).toBeLessThan(530);
  expect(next).toMatch(/^what to do: /);
  const { error } = JSON.parse((await run(["greet", "--json"], fail)).out[0]!);
  expect(error.message).toMatch(shown);
  const defect = await run(["greet"], async () => {
    throw new Error("x\n    at \u001b[2J");
  });
  expect(defect.err).not.toContain("\u001b");
});

test("--help of a command's part is that part's own", async () => {
  expect((await run(["often", "twice", "--help"])).out[0]).toMatch(/^Usage: attune often twice \[options\]\n/);
  expect((await run(["often", "--help"])).out[0]).toMatch(/^Usage: attune often COMMAND[\s\S]*Commands:\n {2}twice/);
});

test("an unknown command and a defect are errors as well", async () => {
  expect((await run(["gret"])).err).toContain('there is no command "gret" (did you mean greet?)');
  const defect = await run(["greet"], async () => {
    throw new TypeError("x is not a function");
  });
  expect(defect).toMatchObject({ code: 1, err: expect.stringContaining("error INTERNAL: x is not a function") });
});

test("commands that train try their --out first, and report it as any place that cannot be written", async () => {
  const source = ["pretrain", "--data", "none", "--vocabulary", "none"];
  for (const argv of [
    source,
    ["extractor", "freeze", "--run", "none", "--data", "none"],
    ["extractor", "import", "none"],
  ]) {
    const err: string[] = [];
    const io = { stdout: () => {}, stderr: (text: string) => void err.push(text), isTty: false };
    expect(await dispatch([...argv, "--out", "/dev/null/out/run"], { io })).toBe(1);
    expect(err.join("")).toMatch(
      /INVALID_CONFIGURATION: \/dev\/null\/out.* cannot be made or written \(ENOTDIR\); --out/,
    );
  }
});

test("a demo for more people than its data hold is refused with the range, before anything starts", async () => {
  const home = mkdtempSync(join(tmpdir(), "attune-people-"));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  const err: string[] = [];
  const io = { stdout: () => {}, stderr: (text: string) => void err.push(text), isTty: false };
  expect(await dispatch(["demo", "--people", "99", "--home", home], { io })).toBe(2);
  expect(err.join("")).toContain("--people 99: the data hold 6 people; give a number from 1 to 6");
  expect(await dispatch(["demo", "--people", "101"], { io })).toBe(2);
  expect(err.join("")).toContain("--people 101 is not a whole number from 1 to 100");
});

test("a refusal of the system is reported as such, and not as a defect", async () => {
  const refused = async (path: string) => run(["greet"], async () => void (await readFile(path)) as never);
  expect((await refused("/")).err).toMatch(/^error INVALID_CONFIGURATION: EISDIR: .*\nwhat to do: Correct the named/);
  expect((await refused("/dev/null/file")).err).toMatch(/^error INVALID_CONFIGURATION: ENOTDIR: .*'\/dev\/null\/file'/);
  const full = async () => {
    throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
  };
  expect((await run(["greet"], full)).err).toMatch(/^error DISK_FULL: ENOSPC: no space left on device, write\n/);
});

// The commands that train load TensorFlow.js and have tests of their own.
test.each(
  placesIn(rootOf(attune)).filter(
    ({ command, commands, path }) =>
      command !== undefined && commands.length === 0 && !["pretrain", "extractor", "bench"].includes(path[1] as string),
  ),
)("$path can be loaded", async ({ command }) => expect(await command?.load()).toBeInstanceOf(Function));

test("--version prints the version, and a folder that is not there is named with the command that writes one", async () => {
  expect(await run(["--version"])).toEqual({ code: 0, out: [version], err: "" });
  const access = { httpUrl: "http://127.0.0.1:1", adminToken: "x" };
  const nowhere = publishFolder(access, { folder: "nosuch", model: "a", modelVersion: "1.0.0" });
  await expect(nowhere).rejects.toMatchObject({
    code: "INVALID_EXTRACTOR",
    message: expect.stringMatching(/^there is no nosuch\/.*; name the folder that attune extractor freeze wrote/),
  });
});
