import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { commit, startHub } from "@attune/fakes/hub";
import { poolings } from "@attune/ml/encoder/pooling";
import type { CommandIo } from "@attune/platform/cli/program";
import type { AppError } from "@attune/shared/errors";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { performAttune } from "../../../../test/attune-command.js";
import { writeRobertaCheckpoint } from "../../../../test/golden/roberta-checkpoint.js";
import { extractorImport } from "./declarations/training.js";

const golden = fileURLToPath(new URL("../../../../test/golden/", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "attune-extractor-import-"));
const checkpoint = join(directory, "checkpoint");
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeAll(() => writeRobertaCheckpoint(checkpoint));

async function run(argv: string[], json = false) {
  const [out, err]: [string[], string[]] = [[], []];
  const io: CommandIo = { stdout: (line) => out.push(line), stderr: (text) => err.push(text), json, isTty: false };
  return { code: await performAttune(["extractor", "import", ...argv], io), out, err };
}

const refusal = (argv: string[]) =>
  run(argv).then(
    () => expect.fail("it was imported"),
    (error: AppError) => error,
  );

describe("attune extractor import", () => {
  test("imports a folder and says what it is", async () => {
    const out = join(directory, "plain");
    const result = await run([checkpoint, "--out", out]);
    expect(result.code).toBe(0);
    expect(result.out[0]).toMatch(/plain: roberta, 2 layers, 4 wide, 3,\d{3} weights$/);
    expect(result.out[1]).toBe("from checkpoint; pooling cls, at most 32 tokens");
    expect(readdirSync(out).sort()).toEqual(["config.json", "import.json", "model.safetensors", "tokenizer.json"]);
  });

  test("offers every pooling that there is", () => {
    expect(extractorImport.options.pooling.choices).toEqual(poolings);
  });

  test("has a help of its own", async () => {
    expect((await run(["--help"])).out[0]).toMatch(/^Usage: attune extractor import/);
  });

  test("prints its record with --json", async () => {
    const out = join(directory, "json");
    const result = await run([checkpoint, "--out", out, "--pooling", "mean-max", "--max-tokens", "16"], true);
    expect(result.out).toHaveLength(1);
    expect(JSON.parse(result.out[0]!)).toEqual({ out, ...JSON.parse(readFileSync(join(out, "import.json"), "utf8")) });
    expect(JSON.parse(result.out[0]!)).toMatchObject({ modelType: "roberta", pooling: "mean-max", maxTokens: 16 });
  });

  test("imports from the hub, and resumes a download that was broken off", async () => {
    const read = (path: string) => ({ content: readFileSync(path) });
    const files = {
      "config.json": read(join(checkpoint, "config.json")),
      "pytorch_model.bin": { ...read(join(checkpoint, "pytorch_model.bin")), large: true },
      "vocab.json": read(join(checkpoint, "vocab.json")),
      "merges.txt": read(join(checkpoint, "merges.txt")),
    };
    let refuses = true;
    const hub = await startHub(
      files,
      ({ host }, response) => host === "storage" && refuses && Boolean(response.writeHead(403).end()),
    );
    vi.stubEnv("HF_ENDPOINT", hub.endpoint);
    vi.stubEnv("HF_TOKEN", "hf_secret");
    const out = join(directory, "hub");
    try {
      expect((await refusal(["hf:owner/name", "--out", out])).code).toBe("NOT_FOUND");
      expect(readdirSync(directory)).toContain("hub.download");
      refuses = false;
      const result = await run(["hf:owner/name", "--out", out], true);
      expect(JSON.parse(result.out[0]!)).toMatchObject({ source: `hf:owner/name@${commit}`, modelType: "roberta" });
      expect(result.err.at(-1)).toMatch(/ 100% · pytorch_model\.bin, 0\.0 MB\n$/);
    } finally {
      hub.close();
    }
    const fromFolder = join(directory, "from-folder");
    await run([checkpoint, "--out", fromFolder]);
    const model = "model.safetensors";
    expect(readFileSync(join(out, model))).toEqual(readFileSync(join(fromFolder, model)));
    expect(readdirSync(directory).filter((name) => name.startsWith("hub"))).toEqual(["hub"]);
  });

  test.each<[string, string[], string]>([
    ["no source", [], "SOURCE is missing: a folder, or hf:OWNER/NAME"],
    ["two sources", ["a", "b"], "is one argument too many"],
    ["no --out", [checkpoint], "--out is missing"],
    ["an unknown pooling", [checkpoint, "--out", "x", "--pooling", "max"], "--pooling max is not one of cls, mean"],
    ["no room for tokens", [checkpoint, "--out", "x", "--max-tokens", "2"], "--max-tokens 2 is not a whole number"],
    ["an unknown flag", [checkpoint, "--colour"], "--colour"],
    ["a name that is none of the hub's", ["hf:roberta-base", "--out", "x"], "hf:owner/name or hf:owner/name@revision"],
    ["a folder that holds files", [checkpoint, "--out", checkpoint], "holds files already"],
  ])("refuses %s", async (_, argv, message) => {
    const error = await refusal(argv);
    expect(error.code).toBe("INVALID_INPUT");
    expect(error.message).toContain(message);
    expect(existsSync("x")).toBe(false);
  });

  test("refuses a folder that is no checkpoint", async () => {
    const error = await refusal([golden, "--out", join(directory, "none")]);
    expect(error).toMatchObject({ code: "INVALID_CHECKPOINT" });
    expect(error.message).toContain("config.json is missing");
  });
});
