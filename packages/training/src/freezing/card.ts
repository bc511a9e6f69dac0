// Writes the model card of a frozen extractor: its purpose, its making, its measurements and its limits.

import type { ImportRecord } from "../checkpoints/import-record.js";
import { recipeNameOf } from "../pretraining/data/recipe.js";
import { endingText } from "../pretraining/loop/ending.js";
import type { RunRecord, TeacherRecord } from "../pretraining/run/run-record.js";
import type { CardAbout } from "./card-about.js";
import { type CardData, cardDataOf } from "./card-data.js";
import type { Evaluation } from "./evaluation.js";
import type { FreezeOutcome, Origin } from "./freeze.js";
import { priorChoices } from "./prior-head.js";
import type { OwnSet } from "./prior-set.js";

interface CardInput {
  readonly run: RunRecord;
  readonly about: CardAbout;
  readonly frozen: FreezeOutcome;
  /** Absent if MELD was not at hand. */
  readonly evaluation?: Evaluation | undefined;
}

export function cardOf(origin: Origin, measured: Pick<CardInput, "frozen" | "evaluation">): string {
  return origin.kind === "run"
    ? cardText({ run: origin.record, about: origin.about ?? {}, ...measured })
    : importedCardText(origin.record, measured);
}

function importedCardText(
  imported: ImportRecord,
  { frozen, evaluation }: Pick<CardInput, "frozen" | "evaluation">,
): string {
  const { modelType, numHiddenLayers, hiddenSize, vocabularySize, parameters, pooling, maxTokens, source } = imported;
  return `# A feature extractor imported from ${source}

This encoder turns an utterance of at most ${maxTokens} word pieces into ${frozen.featureSize} features for a linear head.
It stays frozen on the device. Only heads are trained there. Its publisher states its licence, training data and limits.

## Architecture

- ${modelType}: ${numHiddenLayers} layers, ${hiddenSize} wide, ${vocabularySize.toLocaleString("en")} word pieces
- pooling: ${pooling}, then standardised
- ${parameters.toLocaleString("en")} weights as published, in int8 with one scale a row

${filesTable(frozen)}

Identity of the features: \`${frozen.identity}\`

${priorText(frozen)}

## Measured

${measuredText(evaluation)}
`;
}

/** The rows that the prior head learned from, and how they were weighted. */
function priorText(frozen: FreezeOutcome): string {
  return frozen.priorSet === undefined ? emotionsPriorText(frozen) : ownPriorText(frozen, frozen.priorSet);
}

function ownPriorText({ priorRows, priorDevF1 }: FreezeOutcome, { name, labels }: OwnSet): string {
  const { neutralShare, l2 } = priorChoices;
  const neutral = labels.includes("neutral") ? `Neutral has a weight of ${neutralShare}, and the other` : "The";
  return `The prior head is a softmax regression on int8 features. It was fitted on the ${priorRows.toLocaleString("en")} train rows of ${name} with one label.
Its labels are ${labels.join(", ")}. ${neutral} classes share ${labels.includes("neutral") ? "the rest" : "the weight"} by the root of their rows.
The l2 is ${l2}. The weighted F1 on the dev rows of ${name} is ${priorDevF1.toFixed(4)}.`;
}

function emotionsPriorText({ priorRows, dialogueRows, priorDevF1 }: FreezeOutcome): string {
  const { dialogueWeight, neutralShare, l2, rounds } = priorChoices;
  const dialogue =
    dialogueRows === 0
      ? ""
      : `
It was also fitted on ${dialogueRows.toLocaleString("en")} EmoryNLP rows. Each of them weighs as much as ${dialogueWeight} of the others.
EmoryNLP's labels are not the seven. Each row counts for every emotion that its label can stand for, by the chance that the head gives this emotion.
These chances are computed ${rounds} times, each time from the head before.`;
  const seen =
    dialogueRows === 0
      ? "It was fitted on no MELD."
      : `It was not fitted on MELD.
Under EmoryNLP's labels it has seen some utterances of MELD's train split. By the cut it has seen no utterance of four words or more of MELD's dev and test splits.`;
  return `The prior head is a softmax regression on int8 features. It was fitted on the ${priorRows.toLocaleString("en")} GoEmotions train rows with one emotion.${dialogue}
Neutral has a weight of ${neutralShare}, and the other classes share the rest by the root of their rows.
These weights and the l2 of ${l2} were chosen on MELD's train split. The weighted F1 on GoEmotions' dev rows is ${priorDevF1.toFixed(4)}. ${seen}`;
}

function filesTable({ sizesBytes }: FreezeOutcome): string {
  const row = ([name, bytes]: [string, number]) => `| ${name} | ${bytes.toLocaleString("en")} |`;
  const total = Object.values(sizesBytes).reduce((sum, bytes) => sum + bytes, 0);
  return ["| file | bytes |", "|---|---:|", ...Object.entries(sizesBytes).map(row), row(["together", total])].join(
    "\n",
  );
}

function measuredText(evaluation: Evaluation | undefined): string {
  return evaluation === undefined
    ? "MELD was not at hand when this was frozen; add `--meld` for its table."
    : metrics(evaluation);
}

function cardText({ run, about, frozen, evaluation }: CardInput): string {
  const { recipe } = run;
  const data = cardDataOf(run, about.dataFolder);
  const { titles, onMeld, isOpen } = data;
  return `# ${about.title ?? `A feature extractor pre-trained on ${titles}`}

This encoder turns ${isOpen ? "an English" : "an"} utterance of at most ${recipe.maxTokens} word pieces into ${frozen.featureSize} features for a linear head.
It stays frozen on the device. Only heads are trained there.

${licenceText(run, about)}

## Architecture

- ${architectures[run.modelType] ?? run.modelType}: ${run.numHiddenLayers} layers, ${run.hiddenSize} wide, ${run.numAttentionHeads} attention heads, feed-forward ${run.intermediateSize}
- ${run.vocabularySize.toLocaleString("en")} word pieces: ${vocabularyText(run)}
- pooling: ${recipe.pooling}, then standardised
- ${run.parameters.toLocaleString("en")} weights, in int8 with one scale a row

${originText(run)}

${filesTable(frozen)}

Identity of the features: \`${frozen.identity}\`

## Data

| set | rows | digest of its labels and texts |
|---|---:|---|
${run.data.map(({ name, rows, sha256 }) => `| ${name} | ${rows.toLocaleString("en")} | \`${sha256.slice(0, 16)}\` |`).join("\n")}

${data.description(recipe.select === "best" ? "Its dev split chose the weights." : "Its dev split was watched and chose nothing.")}${about.dataNote === undefined ? "" : `\n\n${about.dataNote}`}

## Recipe

\`\`\`
${commandText({ run, about, frozen, evaluation })}
\`\`\`

${trainingText(run, about)}

The exported files' features differ from the training graph's by at most ${run.parity.toExponential(1)}.
\`run.json\` holds every number of the recipe, the curves, and the digests of all inputs.
${about.recipeNote === undefined ? "" : `\n${about.recipeNote}\n`}
${priorText(frozen)}

## Measured

${onMeld ? "It was pre-trained on MELD's train split, so these numbers do not show how it does on an unknown set.\n" : ""}${measuredText(evaluation)}

## Limits

${startingPointLimits(run, about)}${(about.limits ?? limitsOf(titles, frozen)).map((limit) => `- ${limit}\n`).join("")}- It reads one utterance at a time, without context, voice or face. It ignores a text beyond ${recipe.maxTokens} word pieces.
- It predicts the label that an annotator would give to a text, not a person's feelings. It must not decide anything about a person.
`;
}

/** The limits that follow from the data alone; how far a head errs is measured, not assumed. */
function limitsOf(titles: string, { priorSet }: FreezeOutcome): string[] {
  const general = [
    `It has the language, the register and the biases of ${titles}. This card measures no group of people on its own.`,
  ];
  if (priorSet !== undefined) return general;
  return [
    ...general,
    "GoEmotions' `joy`, from which the prior head learns, is wider than MELD's (admiration, gratitude, optimism count as joy).",
    "Disgust and fear are rare in GoEmotions: the prior head learned them from few rows.",
  ];
}

/** The limits of a published checkpoint; empty for weights that began at random. */
function startingPointLimits({ checkpoint }: RunRecord, { checkpointTexts }: CardAbout): string {
  if (checkpoint === undefined) return "";
  const source = checkpoint.source.replace(/^hf:/, "").replace(/@.*/, "");
  const name = source.slice(source.lastIndexOf("/") + 1);
  return `- The publishers of ${name} trained it on ${checkpointTexts ?? "texts that this card does not know"}.
  The biases of those texts, and the terms of their owners, are in these weights too.
`;
}

const architectures: Readonly<Record<string, string>> = {
  bert: "BERT's encoder (Devlin et al. 2019)",
  roberta: "RoBERTa's encoder (Liu et al. 2019)",
  mobilebert: "MobileBERT's encoder (Sun et al. 2020)",
};

function licenceText(run: RunRecord, about: CardAbout): string {
  const { titles, isOpen } = cardDataOf(run);
  const terms = isOpen ? "" : ` The terms of ${titles} bind whoever passes it on.`;
  if (about.licence !== undefined) return `${about.licence}${terms}`;
  if (run.checkpoint === undefined) return `Licence: its maker's to state.${terms}`;
  const { licence, source } = run.checkpoint;
  return licence === undefined
    ? `Licence: as ${source}'s, which its files do not name.${terms}`
    : `Licence: ${source}, from which it was made, is ${licence}.${terms}`;
}

function vocabularyText({ recipe, checkpoint }: RunRecord): string {
  const { vocabularySize, minimumPieceCount } = recipe;
  const whole =
    checkpoint === undefined
      ? "the given vocabulary"
      : `the checkpoint's ${checkpoint.vocabularySize.toLocaleString("en")}`;
  if (vocabularySize !== undefined) {
    return `${whole}, pruned to single characters and the pieces that the training texts hold most`;
  }
  return minimumPieceCount === undefined
    ? `${whole}, all of them`
    : `${whole}, pruned to the pieces the training text holds at least ${minimumPieceCount} times and all single characters`;
}

function originText(run: RunRecord): string {
  const { checkpoint, numHiddenLayers, teacher } = run;
  const taught = teacher === undefined ? "" : `\n${teacherText(teacher, cardDataOf(run).title)}`;
  if (checkpoint === undefined) return `Training started from random weights, and from no other checkpoint.${taught}`;
  const { source, files } = checkpoint;
  const part =
    numHiddenLayers === checkpoint.numHiddenLayers
      ? "all"
      : `the first ${numHiddenLayers} of ${checkpoint.numHiddenLayers}`;
  const weights = files.filter(({ name }) => /\.(safetensors|bin)$/.test(name));
  const digests = weights.map(({ name, sha256 }) => `${name} \`${sha256.slice(0, 16)}\``).join(", ");
  return `Training started from ${part} layers of ${source} (${digests}) and changed all of them.${taught}`;
}

function teacherText({ recipe, devMetric, digest, trainingSeconds }: TeacherRecord, title: string): string {
  const layers = recipe.numHiddenLayers === undefined ? "all layers" : `${recipe.numHiddenLayers} layers`;
  return `Its teacher, ${layers} trained for ${epochsText(recipe.epochs)} in ${Math.round(trainingSeconds / 60)} minutes, has a weighted F1 of ${devMetric.toFixed(4)} on ${title} dev (\`${digest.slice(0, 16)}\`).`;
}

/** The last batch of an epoch may end a little beside the epoch's end. */
function epochsText(epochs: number): string {
  const text = String(Number(epochs.toFixed(2)));
  return `${text} ${text === "1" ? "epoch" : "epochs"}`;
}

/**
 * The commands that repeat the run. Data and frozen folder have their paths from `about`, or else their plain names.
 */
function commandText({ run, about, frozen, evaluation }: CardInput): string {
  const { teacher, reference } = run;
  const { dataFolder = "", out = "frozen" } = about;
  const { flags } = cardDataOf(run, dataFolder);
  const others = `${teacher ? " --teacher teacher" : ""}${reference ? " --reference-run full-run" : ""}`;
  const recipeFile = about.out === undefined ? "run.json" : `${out}/run.json`;
  const extra = frozen.dialogueRows > 0 ? ` --extra ${dataFolder}emorynlp` : "";
  const meld = evaluation === undefined ? "" : ` --meld ${dataFolder}meld`;
  const commands = [
    ...(teacher ? [`${pretrainText(teacher, { flags, file: "teacher.json" })} --out teacher`] : []),
    `${pretrainText(run, { flags, file: recipeFile })}${others} --out run`,
    `attune extractor freeze --run run --data ${dataFolder}${frozen.priorSet?.name ?? "goemotions"}${frozen.priorSet?.flags ?? ""}${extra} --out ${out}${meld}`,
  ];
  return commands.join("\n");
}

/** `file` holds a changed recipe to repeat the run from; a teacher's recipe is in its student's run.json. */
function pretrainText(
  { recipe, checkpoint, seed }: Pick<RunRecord, "recipe" | "checkpoint" | "seed">,
  { flags, file }: { flags: CardData["flags"]; file: string },
): string {
  const start =
    checkpoint === undefined
      ? "--vocabulary vocab.txt"
      : // A hub's name is fetched; any other is a folder.
        `--from ${/^[\w.-]+\/[\w.-]+(@[\w.-]+)?$/.test(checkpoint.source) ? "hf:" : ""}${checkpoint.source}`;
  return `attune pretrain ${flags.data} ${start}${flags.others} --recipe ${recipeNameOf(recipe) ?? file} --seed ${seed}`;
}

function trainingText(run: RunRecord, { machine }: CardAbout): string {
  const { recipe, teacher, evaluations, selectedEvaluation, trainingSeconds, backend, node } = run;
  const { learningRate, headLearningRate = learningRate, distillation } = recipe;
  const rates =
    headLearningRate === learningRate ? `${learningRate}` : `${learningRate}, of the heads ${headLearningRate}`;
  const soft =
    teacher === undefined || distillation === undefined
      ? ""
      : `, and KL divergence from the teacher with weight ${distillation.weight} at temperature ${distillation.temperature} (Hinton et al. 2015)`;
  const weighing = recipe.classWeights === "none" ? "" : ", each row weighted by the inverse root of its class's rows";
  const ending = endingText(run);
  const [selected, last] = [evaluations[selectedEvaluation], evaluations.at(-1)];
  const which =
    evaluations.length === 1
      ? "the only evaluation"
      : `${recipe.select === "best" ? "the best" : "the last"} of ${evaluations.length} evaluations`;
  return `- Loss: cross-entropy over each set's own labels${weighing}${soft}.
- Optimizer: AdamW, learning rate ${rates}, weight decay ${recipe.weightDecay}.
- Schedule: ${100 * recipe.warmupFraction}% warm-up, then linear decay over ${epochsText(recipe.epochs)}.
- Batches: ${recipe.batchSize} texts of like length. Dropout ${recipe.dropoutRate}; ${100 * recipe.tokenDropoutRate}% of word pieces are shown as unknown.
- Length: ${epochsText(last!.epoch)}. The weights are those after ${epochsText(selected!.epoch)}, ${which}.
- Weighted F1 on ${cardDataOf(run).title} dev: ${selected?.devMetric.toFixed(4)}.${ending === undefined ? "" : `\n- Training ended ${ending}.`}
- Cost: ${Math.round(trainingSeconds / 60)} minutes${machine === undefined ? "" : ` on ${machine}`}, ${backend}, Node ${node}.`;
}

function metrics(evaluation: Evaluation): string {
  const rows: [string, number][] = [
    ["always neutral", evaluation.alwaysNeutral],
    ["random features of the same shape, linear head", evaluation.randomFeatures],
    ["bag of words, softmax regression", evaluation.bagOfWords],
    ["**these features, float32**, linear head", evaluation.float32Features],
    ["**these features, int8**, linear head", evaluation.int8Features],
    ["the same, with chosen class weights", evaluation.int8ClassWeights],
    ["the prior head as shipped (not fitted on MELD)", evaluation.priorHead],
  ];
  const people = evaluation.people.map(
    ({ person, trainRows, devRows, f1Prior, f1Personal }) =>
      `| ${person} | ${trainRows} | ${devRows} | ${f1Prior.toFixed(3)} | ${f1Personal.toFixed(3)} |`,
  );
  return `Weighted F1 on MELD's dev split${evaluation.devRows === undefined ? "" : ` (${evaluation.devRows.toLocaleString("en")} utterances)`}. Heads are trained on its train split.
Their l2 was chosen on a fifth of that split, and their class weights as well where a row says so. The test split was not used.

| | weighted F1 |
|---|---:|
${rows.map(([name, value]) => `| ${name} | ${value.toFixed(3)} |`).join("\n")}

This table compares the prior head with the personal head that was trained on the person's train rows.

| person | train rows | dev rows | prior | personal |
|---|---:|---:|---:|---:|
${people.join("\n")}`;
}
