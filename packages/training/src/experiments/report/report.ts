// The HTML report in one file: every table with the paper's numbers, the pictures, the chosen settings, and the
// researcher's own sample utterances.

import { chartStyle } from "@attune/charts/chart-style";
import { escapeHtml } from "@attune/charts/escape-html";
import { randomReferenceShape } from "../paper.js";
import type { ExperimentRun } from "../run/experiment.js";
import { failureText, faultOf } from "../run/failures.js";
import { sampleTask } from "../tables/table2.js";
import type { Baselines, Cell, Experiment, TableResult } from "../workbench/outcome.js";
import { type Block, blocksOf, cellIn, namesOf, placedNotes } from "./blocks.js";
import { picturesOf } from "./report-pictures.js";
import { elsewhere, valueText } from "./text-table.js";

export function reportHtml(run: ExperimentRun): string {
  const { result, experiments, bench } = run;
  const sections = result.tables.map((table, index) => {
    const title = experiments[index]!.title;
    const pictures = drawn(table.table, run);
    const samples = table.table === "table2" ? samplesHtml(run) : cellsHtml(table, experiments[index]!.questions);
    return `<section id="${table.table}"><h2>${heading(table.table)}: ${escapeHtml(title)}</h2>${samples}${pictures === "" ? "" : `<div class="figures">${pictures}</div>`}${baselinesHtml(result.baselines, bench.split)}</section>`;
  });
  const links = result.tables.map(({ table }) => `<a href="#${table}">${heading(table)}</a>`).join(" ");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Experiments on ${escapeHtml(bench.data.name)} ${bench.split}</title><style>${style}${chartStyle}</style></head><body>
<h1>The paper's experiments, rerun</h1>
<p>Pandelea et al., Sensors 2021, 21, 4496. Measured on ${escapeHtml(bench.data.name)}'s ${bench.split} split (${bench.measured.length} utterances${bench.data.notes.map((note) => `; ${escapeHtml(note)}`).join("")}); the paper measured on ${bench.data.isPaper ? "its" : "MELD's"} test split. ${
    bench.split === "dev"
      ? "Settings were chosen on a fifth of the train split, so that the dev split was looked at once."
      : "Settings were chosen on the dev split."
  } Mean and deviation over seeds ${bench.seeds.join(", ")}; grids: ${bench.full ? "the paper's, chosen for each seed" : "reduced, chosen with the first seed (--full for the paper's)"}.</p>
<nav>${links}</nav>
${listHtml("Warnings", result.warnings)}${listHtml("What could not be computed", result.failed.map(failureText))}
${extractorsHtml(run)}
${sections.join("\n")}
</body></html>
`;
}

/** If a chart cannot be drawn, its table's numbers still appear. */
function drawn(table: string, run: ExperimentRun): string {
  try {
    return picturesOf(table, run);
  } catch (error) {
    return `<p>The pictures could not be drawn: ${escapeHtml(faultOf(error).message)}</p>`;
  }
}

function listHtml(title: string, lines: readonly string[]): string {
  const items = lines.map((line) => `<li>${escapeHtml(line)}</li>`).join("");
  return items === "" ? "" : `<h2>${title}</h2><ul>${items}</ul>`;
}

function heading(table: string): string {
  return table.replace(/\d$/, " $&").replace(/^\w/, (first) => first.toUpperCase());
}

function extractorsHtml({ result }: ExperimentRun): string {
  const rows = result.extractors.map(
    (e) =>
      `<tr><th>${escapeHtml(e.name)}</th><td>${e.layers} layers, ${e.hiddenSize} wide</td><td>${e.featureSize} features (${escapeHtml(e.pooling)})</td><td>${e.weights}</td><td>${escapeHtml(e.engine)}</td><td><code>${e.identity.slice(0, 12)}</code></td></tr>`,
  );
  return `<table class="plain"><tbody>${rows.join("")}</tbody></table>`;
}

/** A small table for each block of columns, under the question that it answers. */
function cellsHtml({ cells }: TableResult, questions: Experiment["questions"] = {}): string {
  return blocksOf(cells)
    .map((block) => blockHtml(block, questions[block.name] ?? block.name))
    .join("");
}

/**
 * Columns across, rows down, the paper's number under ours; each note follows below with the cells that it refers to.
 */
function blockHtml({ cells }: Block, caption: string): string {
  const columns = namesOf(cells, "column");
  const lines = namesOf(cells, "row").map((row) => {
    const own = columns.map((column) => cellHtml(cellIn(cells, row, column)));
    return `<tr><th>${escapeHtml(row)}</th>${own.join("")}</tr>`;
  });
  const head = columns.map((column) => `<th>${escapeHtml(column)}</th>`).join("");
  const title = caption === "" ? "" : `<h3>${escapeHtml(caption)}</h3>`;
  const items = placedNotes(cells).map(
    ({ place, notes }) => `<li><b>${escapeHtml(place)}</b>: ${escapeHtml(notes.join("; "))}</li>`,
  );
  const list = items.length === 0 ? "" : `<details open><summary>Notes</summary><ul>${items.join("")}</ul></details>`;
  return `${title}<div class="scroll"><table><thead><tr><th></th>${head}</tr></thead><tbody>${lines.join("")}</tbody></table></div>${list}`;
}

function cellHtml(cell: Cell | undefined): string {
  if (cell === undefined) return "<td></td>";
  const sd = cell.sd === null ? "" : `<span class="sd"> ± ${cell.sd.toFixed(3)}</span>`;
  const paper = cell.paper === null ? "" : `<div class="paper">paper ${escapeHtml(String(cell.paper))}</div>`;
  const ours =
    cell.measured === null
      ? '<span class="none">not measured</span>'
      : `<b>${escapeHtml(valueText(cell.measured))}</b>${sd}`;
  return `<td>${ours}${paper}</td>`;
}

function baselinesHtml({ bagOfWords, alwaysNeutral, randomFeatures }: Baselines, split: string): string {
  const line = (name: string, { measured, sd, reference }: Baselines["bagOfWords"], of?: string) =>
    `<li>${name} <b>${valueText(measured)}</b>${sd === null ? "" : ` ± ${sd.toFixed(3)}`}${escapeHtml(elsewhere(reference, of))}</li>`;
  return `<ul class="baselines"><li>Baselines, weighted F1 on ${split}:</li>${line("bag of words", bagOfWords)}${line(`always ${escapeHtml(alwaysNeutral.label)}`, alwaysNeutral)}${line("random encoder, linear", randomFeatures, randomReferenceShape)}</ul>`;
}

/** Only this part shows utterances, and only to a reader who has the dataset. */
function samplesHtml({ bench, outcomeOf }: ExperimentRun): string {
  const rows = sampleTask(bench)
    .read(outcomeOf)
    .map(({ name, utterance, real, predicted, paper }) => {
      const right = real === predicted ? ' class="right"' : "";
      return `<tr><td>${escapeHtml(utterance)}</td><td>${escapeHtml(real)}</td><td${right}>${escapeHtml(predicted ?? "–")}</td><td>${paper ?? ""}</td><td class="small">${escapeHtml(name)}</td></tr>`;
    });
  const { isPaper, speakers } = bench.data;
  const own = `by the head of their speaker (${escapeHtml(speakers.join(", "))})`;
  const text = isPaper
    ? `The paper's four are predicted by a head fitted on everyone's rows, the others ${own}.`
    : `Predicted ${speakers.length > 0 ? own : "by a head fitted on everyone's rows"}.`;
  return `<p>${text}</p>
<table class="plain"><thead><tr><th>Utterance</th><th>Real label</th><th>Prediction</th><th>Paper's prediction</th><th></th></tr></thead><tbody>${rows.join("")}</tbody></table>`;
}

const style = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#5d6672;--line:#d8dde3;--paper:#fff;--shade:#f4f6f8}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#a0a9b5;--line:#39414b;--paper:#14181d;--shade:#1d232a}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);max-width:1180px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.6rem}h2{font-size:1.2rem;margin-top:2.4rem;border-top:1px solid var(--line);padding-top:1.2rem}
nav a{margin-right:.8rem}.scroll,.plain{overflow-x:auto}.plain{display:block}
table{border-collapse:collapse;margin:.8rem 0;font-variant-numeric:tabular-nums}
h3{font-size:1rem;margin:1.4rem 0 0}td{white-space:nowrap}.plain td{white-space:normal}tbody th{position:sticky;left:0;background:var(--paper)}
th,td{padding:.3rem .7rem;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}thead th{background:var(--shade)}
.paper,.sd,.none,.small,sup{color:var(--soft)}.paper,.small{font-size:.82rem}td.right{font-weight:600}
.figures{display:flex;flex-wrap:wrap;gap:1.2rem;margin:1rem 0}.baselines{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:.2rem 1rem;font-size:.86rem;color:var(--soft)}
details{font-size:.86rem;color:var(--soft);overflow-wrap:anywhere}
@media(max-width:600px){body{padding:0 .6rem}.scroll th,.scroll td{padding:.2rem .16rem;font-size:.72rem;white-space:normal}.paper,.sd{display:block;font-size:.64rem}.sd{white-space:nowrap}}`;
