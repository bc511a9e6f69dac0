// Takes a small made-up dataset through both commands to a folder that can be published.

import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Engine } from "@attune/ml/engine/engine";
import type { CommandIo } from "@attune/platform/cli/program";
import { openReproducibleEngine } from "@attune/platform/engine";
import { releaseFileNames } from "@attune/shared/contracts/release";
import type { AppError } from "@attune/shared/errors";
import { emotionLabels } from "@attune/training/datasets/emotions";
import { freezeExtractor } from "@attune/training/freezing/freeze";
import { recipes } from "@attune/training/pretraining/data/recipe";
import { readVocabulary } from "@attune/training/pretraining/data/vocabulary";
import { pretrain } from "@attune/training/pretraining/run/pretrain";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { performAttune } from "../../../../test/attune-command.js";
import { writeRobertaCheckpoint } from "../../../../test/golden/roberta-checkpoint.js";
import { checkExtractor, type ExtractorFiles } from "../catalogue/extractor-check.js";
import { pretrain as declared } from "./declarations/training.js";

const directory = mkdtempSync(join(tmpdir(), "attune-extractor-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const at = (...names: string[]) => join(directory, ...names);
const words = ["plain", "great", "whoa", "grr", "alas", "yuck", "eek"];
const speakers = ["Joey", "Ross", "Rachel", "Phoebe", "Monica", "Chandler"];
const specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];

function recorder(): CommandIo & { readonly out: string[]; readonly err: string[] } {
  const [out, err]: [string[], string[]] = [[], []];
  return {
    out,
    err,
    stdout: (line) => void out.push(line),
    stderr: (text) => void err.push(text),
    json: true,
    isTty: false,
  };
}

beforeAll(() => {
  mkdirSync(at("data"));
  mkdirSync(at("meld"));
  writeFileSync(at("data", "labels.txt"), emotionLabels.join("\n"));
  const rows = (count: number) => Array.from({ length: count }, (_, i) => i % 7);
  const tsv = (count: number) =>
    rows(count).map((label, i) => `so ${words[label]} ${words[i % 5]}\t${label}\tid${i}\n`);
  writeFileSync(at("data", "train.tsv"), tsv(70).join(""));
  writeFileSync(at("data", "dev.tsv"), tsv(14).join(""));
  const csv = (count: number) =>
    rows(count).map((label, i) => `${words[label]} that,${speakers[i % 6]},${emotionLabels[label]}\n`);
  for (const split of ["train", "dev"]) {
    writeFileSync(at("meld", `${split}_sent_emo.csv`), `Utterance,Speaker,Emotion\n${csv(84).join("")}`);
  }
  const emory = ["Neutral", "Joyful", "Peaceful", "Powerful", "Scared", "Mad", "Sad"];
  const lines = rows(21).map((label) => `${words[label]} then,['Joey'],${emory[label]}\n`);
  writeFileSync(at("emory.csv"), `Utterance,Speaker,EmoryEmotion\n${lines.join("")}`);
  writeFileSync(at("vocab.txt"), [...specials, ...words, "so", "that", ..."abcdefghijklmnopqrstuvwxyz"].join("\n"));
});

async function refusal(argv: string[]): Promise<string> {
  const error = await performAttune(argv, recorder()).catch((caught: unknown) => caught as AppError);
  return (error as AppError).message;
}

describe("attune extractor freeze", () => {
  test("makes of a run a folder that publishing accepts, the same bytes on any number of threads, and measures it", async () => {
    const { tiny } = recipes;
    const recipe = {
      ...tiny,
      stopAfterEpochs: 2,
      hiddenSize: 8,
      intermediateSize: 12,
      epochs: 2,
      batchSize: 8,
      learningRate: 0.01,
    };
    const from = { tokenizerJson: readVocabulary(at("vocab.txt")) };
    const named = { recipe: { name: "tiny", recipe }, from, seed: 1, resume: false };
    const record = await pretrain({ ...named, dataDirectory: at("data"), out: at("run") });
    expect(record!.parity).toBeLessThan(1e-4);
    expect(record!.data.map(({ rows }) => rows)).toEqual([70, 14]);

    const argv = ["freeze", "--run", at("run"), "--data", at("data"), "--meld", at("meld")];
    for (const [name, threads] of Object.entries({ first: "1", second: "2" })) {
      const io = recorder();
      expect(await performAttune(["extractor", ...argv, "--out", at(name), "--threads", threads], io)).toBe(0);
      expect(io.out).toHaveLength(1);
      const result = JSON.parse(io.out[0]!);
      expect(result.featureSize).toBe(16);
      expect(result.evaluation.people).toHaveLength(6);
      expect(result.evaluation.int8Features).toBeGreaterThan(result.evaluation.alwaysNeutral);
      expect(result.evaluation.bagOfWords).toBeGreaterThan(0.9);
    }
    const io = recorder();
    expect(await performAttune(["extractor", ...argv, "--extra", at("emory.csv"), "--out", at("third")], io)).toBe(0);
    expect(JSON.parse(io.out[0]!)).toMatchObject({ priorRows: 70, dialogueRows: 21 });
    for (const name of releaseFileNames) {
      const same = readFileSync(at("first", name)).equals(readFileSync(at("third", name)));
      expect(same, name).toBe(name !== "prior-head.safetensors");
    }
    const third = readFileSync(at("third", "README.md"), "utf8");
    expect(third).toContain("on 21 EmoryNLP rows");
    expect(third).toContain("freeze --run run --data goemotions --extra emorynlp");
    const files = Object.fromEntries(
      releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(at("first", name)))]),
    );
    const checked = checkExtractor(files as ExtractorFiles);
    expect(checked.features).toMatchObject({ pooling: "mean-max", maxTokens: 32, featureSize: 16 });
    expect(readdirSync(at("first")).sort()).toEqual([...releaseFileNames, "README.md", "run.json"].sort());
    for (const name of readdirSync(at("first"))) {
      expect(readFileSync(at("first", name)).equals(readFileSync(at("second", name))), name).toBe(true);
    }
    expect(readFileSync(at("first", "README.md"), "utf8")).toContain("| always neutral |");
  });

  test("makes of a run and a set of one's own a folder whose releases predict the set's labels", async () => {
    const moods = ["very calm", "tense", "tired"];
    const lines = (count: number) =>
      Array.from({ length: count }, (_, i) => `${words[i % 3]} that ${i},${moods[i % 3]}\n`);
    mkdirSync(at("moods"));
    for (const [part, count] of Object.entries({ train: 84, dev: 21 })) {
      writeFileSync(at("moods", `${part}.csv`), `Said,Mood\n${lines(count).join("")}`);
    }
    const table = ["--data", at("moods"), "--columns", "text=Said,label=Mood"];
    const argv = ["extractor", "freeze", "--run", at("run"), ...table, "--out", at("own"), "--threads", "1"];
    expect(await refusal(argv)).toMatch(
      /the label "very calm" must be 1 to 32 characters .* rename labels with --labels/,
    );
    expect(await refusal([...argv, "--extra", at("emory.csv")])).toMatch(/--extra is for the seven emotions/);
    expect(await refusal([...argv, "--meld", at("meld")])).toMatch(/--meld measures the seven emotions/);
    const io = recorder();
    expect(await performAttune([...argv, "--labels", "very calm=calm"], io)).toBe(0);
    expect(JSON.parse(io.out[0]!)).toMatchObject({ priorRows: 84, priorSet: { name: "moods" } });
    const files = releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(at("own", name)))]);
    expect(checkExtractor(Object.fromEntries(files) as ExtractorFiles).classes.toSorted()).toEqual([
      "calm",
      "tense",
      "tired",
    ]);
    const card = readFileSync(at("own", "README.md"), "utf8");
    expect(card).toContain("It was fitted on the 84 train rows of moods with one label.");
    expect(card).toContain('--data moods --columns "text=Said,label=Mood" --labels "very calm=calm" --out frozen');
    expect(card).not.toContain("GoEmotions'");
  });

  test.each(["mean-max", "cls"])(
    "makes of an imported RoBERTa, pooled by %s, a folder that publishing accepts",
    async (pooling) => {
      const [checkpoint, imported, frozen] = ["checkpoint", "imported", "frozen"].map((name) =>
        at(`${pooling}-${name}`),
      );
      writeRobertaCheckpoint(checkpoint!);
      const run = async (argv: string[]) => expect(await performAttune(["extractor", ...argv], recorder())).toBe(0);
      await run(["import", checkpoint!, "--out", imported!, "--pooling", pooling]);
      await run(["freeze", "--run", imported!, "--data", at("data"), "--out", frozen!, "--meld", at("meld")]);
      const files = releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(join(frozen!, name)))]);
      const { features } = checkExtractor(Object.fromEntries(files) as ExtractorFiles);
      expect(features).toMatchObject({ pooling, maxTokens: 32, featureSize: pooling === "cls" ? 4 : 8 });
      expect(readdirSync(frozen!).sort()).toEqual([...releaseFileNames, "README.md", "import.json"].sort());
      expect(JSON.parse(readFileSync(join(frozen!, "import.json"), "utf8"))).toMatchObject({
        source: `${pooling}-checkpoint`,
        frozen: { identity: features.identity },
        evaluation: { people: expect.any(Array) },
      });
      expect(readFileSync(join(frozen!, "README.md"), "utf8")).toContain("roberta: 2 layers, 4 wide");
    },
  );

  test("refuses weights that the kernels' int8 moves farther than devices accept, and writes nothing", () => {
    const { engine } = openReproducibleEngine(1);
    const [runDirectory, dataDirectory, out] = [at("run"), at("data"), at("refused")];
    const coarse: Engine = {
      ...engine,
      createEncoder(config, model) {
        const encoder = engine.createEncoder(config, model);
        const pooled = (...input: Parameters<NonNullable<typeof encoder.pooled>>) => {
          const features = encoder.pooled!(...input);
          // Activations of so few bits would leave steps of 1/16 of the largest feature.
          const step = features.data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 16;
          return { ...features, data: features.data.map((value) => step * Math.round(value / step)) };
        };
        return { ...encoder, pooled };
      },
    };
    const freezing = () => freezeExtractor({ engine: coarse, runDirectory, dataDirectory, out, report: () => {} });
    expect(freezing).toThrow(
      /devices would refuse it \(golden\.json: vector \d+ of \d+ tokens is off by 0\.\d+, over the tolerance of 0\.005\)/,
    );
    expect(existsSync(out)).toBe(false);
  });

  test("refuses a run that is not there, a missing flag and another verb, each by name", async () => {
    const argv = ["freeze", "--run", at("none"), "--data", at("data"), "--out", at("x")];
    expect(await refusal(["extractor", ...argv])).toMatch(/none\/run\.json is missing or not JSON/);
    expect(await refusal(["extractor", "freeze", "--run", at("run")])).toMatch(/--data is missing/);
    expect(await refusal(["extractor", "thaw"])).toMatch(/import, freeze/);
    expect(await refusal(["extractor", "freeze", "--colour"])).toMatch(/--colour/);
    expect(await refusal(["extractor", ...argv, "--threads", "0"])).toMatch(/--threads 0 is not a whole number/);
  });
});

describe("attune pretrain", () => {
  test("fine-tunes what extractor import wrote, names where it came from, and makes of it a folder that publishing accepts", async () => {
    writeRobertaCheckpoint(at("published"));
    writeFileSync(at("published", "README.md"), "---\nlicense: mit\n---\n");
    expect(await performAttune(["extractor", "import", at("published"), "--out", at("brought")], recorder())).toBe(0);
    const io = recorder();
    const whole = ["--set", "vocabularySize=none", "--set", "epochs=1", "--set", "batchSize=8", "--layers", "1"];
    const argv = ["--data", at("data"), "--from", at("brought"), "--out", at("tuned"), ...whole];
    expect(await performAttune(["pretrain", ...argv], io)).toBe(0);
    const record = JSON.parse(io.out[0]!);
    expect(record.checkpoint).toMatchObject({ source: "published", licence: "mit", modelType: "roberta" });
    expect(record).toMatchObject({ numHiddenLayers: 1, recipe: { epochs: 1, batchSize: 8 } });
    expect(io.err.join("")).toMatch(/ \d+ s left · epoch 1\/1 · .*loss \d[\s\S]* · dev 0\.\d+\n/);
    const freeze = ["freeze", "--run", at("tuned"), "--data", at("data"), "--out", at("tuned-frozen")];
    expect(await performAttune(["extractor", ...freeze], recorder())).toBe(0);
    const files = releaseFileNames.map((name) => [name, new Uint8Array(readFileSync(at("tuned-frozen", name)))]);
    checkExtractor(Object.fromEntries(files) as ExtractorFiles);
    expect(readFileSync(at("tuned-frozen", "README.md"), "utf8")).toContain("the first 1 of 2 layers of published");
  });

  test("explains every recipe that there is", () => {
    const explained = declared.sections.find(({ title }) => title === "Recipes")?.items.map(([name]) => name);
    expect(explained).toEqual(Object.keys(recipes));
  });

  test("refuses what it cannot use, naming the flag or the file and line", async () => {
    const argv = ["--data", at("data"), "--vocabulary", at("vocab.txt"), "--out", at("run")];
    expect(await refusal(["pretrain", ...argv])).toMatch(/holds a run already; add --resume/);
    const fresh = [...argv.slice(0, 4), "--out", at("new")];
    expect(await refusal(["pretrain", ...fresh, "--recipe", "huge"])).toMatch(/--recipe: .* tiny, small/);
    expect(await refusal(["pretrain", ...fresh, "--seed", "1.5"])).toMatch(/--seed 1\.5/);
    expect(await refusal(["pretrain", ...argv.slice(2)])).toMatch(/--data is missing/);
    expect(await refusal(["pretrain", ...argv.slice(0, 2)])).toMatch(/--vocabulary is missing/);
    expect(await refusal(["pretrain", ...fresh, "--from", at("meld")])).toMatch(/a checkpoint brings its own/);
    const tuned = ["--data", at("data"), "--out", at("new"), "--from"];
    expect(await refusal(["pretrain", ...tuned, at("meld")])).toMatch(/config\.json is missing/);
    expect(await refusal(["pretrain", ...tuned, "hf:none"])).toMatch(/hf:owner\/name/);
    expect(await refusal(["pretrain", ...fresh, "--set", "epochs=x"])).toMatch(/recipe tiny, epochs/);
    expect(await refusal(["pretrain", ...fresh, "--layers", "0"])).toMatch(/recipe tiny, numHiddenLayers/);
    mkdirSync(at("bad"));
    writeFileSync(at("bad", "train.tsv"), "fine\t27\ta\nsecret\tx\tb\n");
    const bad = await refusal(["pretrain", "--data", at("bad"), ...fresh.slice(2)]);
    expect(bad).toMatch(/train\.tsv, line 2/);
    expect(bad).not.toContain("secret");
  });
});
