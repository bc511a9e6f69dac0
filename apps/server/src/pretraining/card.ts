// The model card of a frozen extractor: what it is, what it was made of, how it was measured and where it must not be trusted.

import type { ImportRecord } from "../registry/checkpoint-import.js";
import type { Evaluation } from "./evaluation.js";
import type { FreezeOutcome, Origin } from "./freeze.js";
import type { RunRecord } from "./pretrain.js";
import { recipeNotes } from "./recipe.js";

export interface CardInput {
  readonly run: RunRecord;
  readonly frozen: FreezeOutcome;
  /** Absent where MELD was not at hand. */
  readonly evaluation?: Evaluation | undefined;
}

export function cardOf(origin: Origin, measured: Omit<CardInput, "run">): string {
  return origin.kind === "run"
    ? cardText({ run: origin.record, ...measured })
    : importedCardText(origin.record, measured);
}

function importedCardText(imported: ImportRecord, { frozen, evaluation }: Omit<CardInput, "run">): string {
  const { modelType, numHiddenLayers, hiddenSize, vocabularySize, parameters, pooling, maxTokens, source } = imported;
  return `# A feature extractor imported from ${source}

Turns an utterance of at most ${maxTokens} word pieces into ${frozen.featureSize} features that a linear head can tell emotions from. It stays frozen
on the device; only heads are trained there. Licence, training data and limits are those its publisher states.

## Architecture

${modelType}: ${numHiddenLayers} layers, ${hiddenSize} wide, ${vocabularySize.toLocaleString("en")} word pieces, pooled by ${pooling}, then standardised.
${parameters.toLocaleString("en")} weights, int8 with one scale a row, as published otherwise: nothing was trained on.

${filesTable(frozen)}

Identity of the features: \`${frozen.identity}\`

The prior head is a softmax regression on the int8 features of the ${frozen.priorRows.toLocaleString("en")} GoEmotions train rows with one emotion
(weighted F1 ${frozen.priorDevF1.toFixed(4)} on its dev rows); it has seen no MELD.

## Measured

${measuredText(evaluation)}
`;
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

function cardText({ run, frozen, evaluation }: CardInput): string {
  const { recipe } = run;
  const note = recipeNotes[run.recipeName];
  const extra = run.data.some(({ name }) => name === "emorynlp") ? " --extra data/emorynlp" : "";
  const best = run.epochs[run.bestEpoch];
  return `# The bundled feature extractor

Turns an English utterance of at most ${recipe.maxTokens} word pieces into ${frozen.featureSize} features that a linear head can tell
emotions from. It stays frozen on the device; only heads are trained there. Licence: Apache-2.0, as this repository's.

## Architecture

BERT's encoder (Devlin et al. 2019): ${recipe.numHiddenLayers} layers, ${recipe.hiddenSize} wide, ${recipe.numAttentionHeads} attention heads, feed-forward ${recipe.intermediateSize}, ${run.vocabularySize.toLocaleString("en")} uncased word pieces
(BERT's vocabulary, pruned to the pieces the training text holds at least ${recipe.minimumPieceCount} times and all single characters), pooled by
${recipe.pooling}, then standardised. ${run.parameters.toLocaleString("en")} weights, int8 with one scale a row. Trained from random weights: no other checkpoint went in.

${filesTable(frozen)}

Identity of the features: \`${frozen.identity}\`

## Data

| set | rows | digest of its labels and texts |
|---|---:|---|
${run.data.map(({ name, rows, sha256 }) => `| ${name} | ${rows.toLocaleString("en")} | \`${sha256.slice(0, 16)}\` |`).join("\n")}

GoEmotions (Demszky et al. 2020, Apache-2.0), Reddit comments under the Ekman grouping of its labels: the main task; its dev split chose the
epoch.${extra ? " EmoryNLP (Zahiri and Choi 2018, Apache-2.0), utterances of the series Friends without overlap with MELD's dev and test\nsplits, with its own seven labels: a second task. Some of its utterances\nmay be in MELD's train split." : ""} The data are not in this repository.

## Recipe

    attune pretrain --data data/goemotions --vocabulary data/vocab/bert-uncased/vocab.txt${extra} --recipe ${run.recipeName} --seed ${run.seed} --out run
    attune extractor freeze --run run --data data/goemotions --out assets/extractor --meld data/meld

Cross-entropy over each set's own labels, AdamW (learning rate ${recipe.learningRate}, weight decay ${recipe.weightDecay}, ${100 * recipe.warmupFraction}% warm-up, then linear decay), batches
of ${recipe.batchSize} of like length, dropout ${recipe.dropoutRate}, ${100 * recipe.tokenDropoutRate}% of word pieces shown as unknown; ${run.epochs.length === 1 ? "one epoch" : `${run.epochs.length} epochs, of which number ${run.bestEpoch + 1} was the best`} (weighted F1
${best?.devMetric.toFixed(4)} on GoEmotions dev). ${Math.round(run.trainingSeconds / 60)} minutes on one shared CPU core, ${run.backend}, Node ${run.node}. The exported files' features differ from
the training graph's by at most ${run.parity.toExponential(1)}. Everything is in \`run.json\`.
${note === undefined ? "" : `\n${note}\n`}
The prior head is a softmax regression on the int8 features of the ${frozen.priorRows.toLocaleString("en")} GoEmotions train rows with one emotion
(weighted F1 ${frozen.priorDevF1.toFixed(4)} on its dev rows); it has seen no MELD.

## Measured

${measuredText(evaluation)}

## Limits

- English only, written-chat and sitcom register; American; Reddit's and television's biases are in it. Not evaluated on any group of people.
- GoEmotions' \`joy\` is wider than MELD's (admiration, gratitude, optimism count as joy); the prior head over-predicts it on dialogue.
- Rare emotions (disgust, fear) are recognised poorly before a person's own corrections come in.
- One utterance at a time: it sees no context, no voice, no face. Longer texts lose what follows ${recipe.maxTokens} word pieces.
- It recognises what words sound like, not what anyone feels; it must not decide anything about a person.
`;
}

function metrics(evaluation: Evaluation): string {
  const rows: [string, number][] = [
    ["always neutral", evaluation.alwaysNeutral],
    ["random features of the same shape, linear head", evaluation.randomFeatures],
    ["bag of words, softmax regression", evaluation.bagOfWords],
    ["**these features, float32**, linear head", evaluation.float32Features],
    ["**these features, int8**, linear head", evaluation.int8Features],
    ["the prior head as shipped (no MELD in training)", evaluation.priorHead],
  ];
  const people = evaluation.people.map(
    ({ person, trainRows, devRows, f1Prior, f1Personal }) =>
      `| ${person} | ${trainRows} | ${devRows} | ${f1Prior.toFixed(3)} | ${f1Personal.toFixed(3)} |`,
  );
  return `Weighted F1 on MELD's dev split (1,109 utterances). Heads are trained on its train split, their l2 chosen on a fifth of that; the test split
was not used.

| | weighted F1 |
|---|---:|
${rows.map(([name, value]) => `| ${name} | ${value.toFixed(3)} |`).join("\n")}

Tuning to one person: the prior head, and prior + personal head trained on that person's train rows.

| person | train rows | dev rows | prior | personal |
|---|---:|---:|---:|---:|
${people.join("\n")}`;
}
