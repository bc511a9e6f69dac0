// Table 4: weighted F1 of every classifier on every extractor, and beside it the calibration of its probabilities.

import { bpNotes, bpSeconds } from "../classifiers/bp-baseline.js";
import {
  type ClassifierBench,
  type ClassifierRow,
  classifierRows,
  classifierTask,
} from "../classifiers/classifier-tasks.js";
import { type PaperClassifier, type PaperExtractor, paperClassifiers, paperExtractors, paperTable4 } from "../paper.js";
import type { ExtractorSource } from "../workbench/extractor-source.js";
import { qualityCells } from "../workbench/measurement.js";
import {
  type Cell,
  type CellPlace,
  type Experiment,
  emptyCell,
  measuredCell,
  type Outcome,
} from "../workbench/outcome.js";

/** The public checkpoints, as the import command names them. */
export const checkpointOf: Readonly<Record<PaperExtractor, string>> = {
  RoBERTa: "hf:FacebookAI/roberta-base",
  MobileBERT: "hf:google/mobilebert-uncased",
  "BERT-Medium": "hf:google/bert_uncased_L-8_H-512_A-8",
  "BERT-Tiny": "hf:google/bert_uncased_L-2_H-128_A-2",
};

const bpNote = (source: ExtractorSource) =>
  `end-to-end fine-tuning of this encoder takes about ${Math.round(bpSeconds(source) / 3600)} h and was left out; --with-bp measures it`;

/** The reason why there is no number, and the two commands that make one. */
export function missingCheckpoint(extractor: PaperExtractor): string {
  const name = extractor.toLowerCase();
  return `no checkpoint given: attune extractor import ${checkpointOf[extractor]} --out extractors/${name}, then --extractor ${name}=extractors/${name}`;
}

/**
 * The paper's number for a source: its own column's, or, for another extractor, that of
 * BERT-Tiny, the paper's smallest.
 */
export function paperColumnOf({ paper }: ExtractorSource): PaperExtractor {
  return paper?.extractor ?? "BERT-Tiny";
}

export function table4(bench: ClassifierBench): Experiment {
  const given = bench.extractors.filter(({ paper }) => paper?.pretrained !== true);
  const columns = given.map((source) => ({
    source,
    tasks: classifierRows.map((row) => ({ row, task: classifierTask(bench, { source }, row) })),
  }));
  const missing = paperExtractors.filter((name) => given.every(({ paper }) => paper?.extractor !== name));
  return {
    name: "table4",
    title: "Weighted F1 of each classifier on each extractor",
    tasks: columns.flatMap(({ tasks }) => tasks.flatMap(({ task }) => task ?? [])),
    assemble: (outcomeOf) => [
      ...columns.flatMap(({ source, tasks }) =>
        tasks.flatMap(({ row, task }) => {
          const place = { row, column: source.name, paper: paperF1(row, paperColumnOf(source)) };
          if (task === undefined) return emptyCell(place, bpNote(source));
          const outcome = outcomeOf(task);
          const notes = [...outcome.notes, ...(row === "BP" ? bpNotes(bench) : [])];
          return [scoreCell(place, { ...outcome, notes }, source), ...qualityCells(place, outcome)];
        }),
      ),
      ...missing.flatMap((name) =>
        paperClassifiers.map((row) =>
          emptyCell({ row, column: name, paper: paperF1(row, name) }, missingCheckpoint(name)),
        ),
      ),
    ],
  };
}

function scoreCell(place: CellPlace, { scores, notes }: Outcome, { paper }: ExtractorSource): Cell {
  const paperNotes = paper === undefined ? ["BERT-Tiny, other weights than these"] : [];
  return measuredCell({ ...place, paperNotes }, { scores, notes });
}

function paperF1(row: ClassifierRow, extractor: PaperExtractor): number | null {
  const known = paperClassifiers.find((name) => name === row) as PaperClassifier | undefined;
  return known === undefined ? null : (paperTable4[known][paperExtractors.indexOf(extractor)] ?? null);
}
