// Table 5: the gain by task-specific pre-training of the extractor, for every classifier on frozen features.

import { type ClassifierBench, type ClassifierRow, classifierTask } from "../classifiers/classifier-tasks.js";
import { type PaperExtractor, paperExtractors, paperTable5 } from "../paper.js";
import { type ExtractorSource, randomTwin } from "../workbench/extractor-source.js";
import { type Experiment, emptyCell, measuredCell, type Task } from "../workbench/outcome.js";
import type { Workbench } from "../workbench/workbench.js";
import { checkpointOf, missingCheckpoint } from "./table4.js";

const rows = ["Hidden", "Linear", "Linear (optimum)", "ELM", "OSELM"] as const satisfies readonly ClassifierRow[];
type Row = (typeof rows)[number];
type Variant = "regular" | "pre-trained";

interface Column {
  readonly title: string;
  readonly extractor: PaperExtractor;
  readonly variant: Variant;
  readonly source: ExtractorSource | undefined;
  readonly notes: readonly string[];
  readonly paperNotes?: readonly string[];
}

export function table5(bench: ClassifierBench): Experiment {
  const columns = [...ownColumns(bench), ...paperColumns(bench)].map((column) => ({
    ...column,
    tasks: rows.map((row) => {
      const task = column.source === undefined ? undefined : classifierTask(bench, { source: column.source }, row);
      return { row, task };
    }),
  }));
  return {
    name: "table5",
    title: "Weighted F1 before and after pre-training on a labelled dataset",
    tasks: columns.flatMap(({ tasks }) => tasks.flatMap(({ task }): Task[] => (task === undefined ? [] : [task]))),
    assemble: (outcomeOf) =>
      columns.flatMap(({ title, extractor, variant, notes, paperNotes = [], tasks }) =>
        tasks.map(({ row, task }) => {
          const place = { row, column: title, paper: paperF1(row, extractor, variant), paperNotes };
          if (task === undefined) return emptyCell(place, ...notes);
          const outcome = outcomeOf(task);
          return measuredCell(place, { scores: outcome.scores, notes: [...outcome.notes, ...notes] });
        }),
      ),
  };
}

/**
 * The former state of our own extractor: its architecture with random weights. A checkpoint that it started from is a
 * source of its own.
 */
function ownColumns({ extractors }: Workbench): Column[] {
  return extractors
    .filter(({ paper }) => paper === undefined)
    .flatMap((source): Column[] => [
      {
        title: `${source.name}, regular`,
        extractor: "BERT-Tiny",
        variant: "regular",
        source: randomTwin(source, 1),
        notes: [
          "random weights of its architecture",
          "a checkpoint that it was fine-tuned from is measured with --extractor DIR",
        ],
        paperNotes: ["BERT-Tiny"],
      },
      {
        title: `${source.name}, pre-trained`,
        extractor: "BERT-Tiny",
        variant: "pre-trained",
        source,
        notes: trainedOn(source),
        paperNotes: ["BERT-Tiny pre-trained on IEMOCAP"],
      },
    ]);
}

function paperColumns({ extractors, iemocapDirectory }: Workbench): Column[] {
  return paperExtractors.flatMap((extractor) =>
    (["regular", "pre-trained"] as const).map((variant): Column => {
      const source = extractors.find(
        ({ paper }) => paper?.extractor === extractor && paper.pretrained === (variant === "pre-trained"),
      );
      const title = `${extractor}, ${variant}`;
      if (source === undefined) {
        return { title, extractor, variant, source, notes: howToGet(extractor, variant, iemocapDirectory) };
      }
      if (["IEMOCAP", undefined].includes(source.trainedOn)) return { title, extractor, variant, source, notes: [] };
      return { title, extractor, variant, source, notes: trainedOn(source), paperNotes: ["on IEMOCAP"] };
    }),
  );
}

function trainedOn({ trainedOn: sets }: ExtractorSource): string[] {
  return sets === undefined ? [] : [`pre-trained on ${sets}`];
}

/**
 * The reason why there is no number, and the commands that make one. The paper trained on IEMOCAP to about 80% of the
 * full run's F1, so the full run comes first.
 */
function howToGet(extractor: PaperExtractor, variant: Variant, iemocap = "IEMOCAP_full_release"): string[] {
  if (variant === "regular") return [missingCheckpoint(extractor)];
  const name = extractor.toLowerCase();
  // Pooling is as in imports.
  const settings = "--recipe fine-tuned --set pooling=cls --set evaluationsPerEpoch=10 --set patience=10";
  const pretrain = `attune pretrain --data ${iemocap} --from extractors/${name} ${settings}`;
  const commands = [
    `attune extractor import ${checkpointOf[extractor]} --out extractors/${name}`,
    `${pretrain} --out runs/${name}-full`,
    `${pretrain} --set stopAtFraction=0.8 --reference-run runs/${name}-full --out runs/${name}`,
  ];
  return [
    `no checkpoint given: ${commands.join(" && ")}, then --extractor ${name}-pretrained=runs/${name}`,
    "IEMOCAP is requested from sail.usc.edu/iemocap, and --data takes other labelled sets too",
  ];
}

function paperF1(row: Row, extractor: PaperExtractor, variant: Variant): number | null {
  if (row === "Linear (optimum)") return null;
  const pair = paperTable5[row][paperExtractors.indexOf(extractor)];
  return pair?.[variant === "regular" ? 0 : 1] ?? null;
}
