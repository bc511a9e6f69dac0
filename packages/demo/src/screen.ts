// The demo's display for a person: one line per agent that changes in place on a terminal, and a line
// now and then elsewhere.

import { counted } from "@attune/platform/counted";
import { progressText } from "@attune/platform/progress";
import { noValue, textTable } from "@attune/platform/table";
import type { AuditResult } from "@attune/server/audit/journal-audit";
import type { LifeProgress } from "./life.js";

export interface PersonResult {
  readonly person: string;
  readonly utterances: number;
  /** F1 stays on the device; the demo reads it there, as the person can. */
  readonly f1Prior: number | null;
  readonly f1Personal: number | null;
  readonly predictP50Ms: number | null;
  readonly predictP90Ms: number | null;
  readonly trainMs: number | null;
  readonly messages: number;
  /** The most bits about the person in everything that has left, and the letters that so many bits could spell. */
  readonly personBits: number;
  readonly letters: number;
  readonly bytesOut: number;
  readonly textBytesOut: number;
}

export interface Screen {
  say(line: string): void;
  progress(person: string, progress: LifeProgress): void;
  done(person: string, note: string): void;
  close(): void;
}

const redrawMs = 100;
const plainEveryMs = 5_000;

/** @param write takes raw text (standard error, so that standard output stays free for `--json`) */
export function createScreen(write: (text: string) => void, isTty: boolean): Screen {
  const lines = new Map<string, string>();
  const plainAt = new Map<string, number>();
  // The time and state of each person's progress when first seen: an earlier run may have done a part.
  const firstSeen = new Map<string, { readonly atMs: number; readonly done: number }>();
  let drawn = 0;
  let drawnAt = 0;

  const erase = (): void => {
    if (drawn > 0) write(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  const draw = (): void => {
    erase();
    write([...lines.values()].map((line) => `${line}\n`).join(""));
    drawn = lines.size;
    drawnAt = performance.now();
  };

  return {
    say(line) {
      if (isTty) erase();
      write(`${line}\n`);
      if (isTty) draw();
    },
    progress(person, progress) {
      const now = performance.now();
      const first = firstSeen.get(person) ?? { atMs: now, done: progress.done };
      firstSeen.set(person, first);
      const rate = (progress.done - first.done) / (now - first.atMs);
      const line = progressLine(person, progress, (progress.total - progress.done) / rate);
      lines.set(person, line);
      if (isTty) {
        if (now - drawnAt > redrawMs) draw();
      } else if (now - (plainAt.get(person) ?? Number.NEGATIVE_INFINITY) > plainEveryMs) {
        plainAt.set(person, now);
        write(`${line}\n`);
      }
    },
    done(person, note) {
      const line = `${person.padEnd(12)} ${note}`;
      lines.set(person, line);
      if (isTty) draw();
      else write(`${line}\n`);
    },
    close() {
      if (isTty) draw();
      lines.clear();
      drawn = 0;
    },
  };
}

function progressLine(
  person: string,
  { done, total, predicted, corrected, head }: LifeProgress,
  leftMs: number,
): string {
  const verdict = predicted === corrected ? `${predicted} ✓` : `${predicted} → ${corrected}`;
  const secondsLeft = Number.isFinite(leftMs) ? leftMs / 1_000 : undefined;
  return `${person.padEnd(12)} ${progressText({ what: `${head} head: ${verdict}`, done, total, secondsLeft })}`;
}

/** The closing table. */
export function renderTable(results: readonly PersonResult[]): string {
  const head = [
    "person",
    "utterances",
    "F1 prior",
    "F1 personal",
    "predict p50",
    "bytes out",
    "bits about the person",
    "bytes of text out",
  ];
  const rows = results.map((result) => [
    result.person,
    String(result.utterances),
    ratio(result.f1Prior),
    ratio(result.f1Personal),
    result.predictP50Ms === null ? noValue : `${result.predictP50Ms.toFixed(2)} ms`,
    String(result.bytesOut),
    `${result.personBits.toFixed(1)} (${counted(result.letters, "letter")})`,
    String(result.textBytesOut),
  ]);
  return [...textTable([head, ...rows]), "", ...notes].join("\n");
}

const notes = [
  "F1 is weighted F1 on this device; it does not leave. The demo reads it from each agent's local status.",
  "Bits about the person are the most that all messages together can say, as the audit of the journal sums them.",
  "At most 12 bits leave in a slot, which lasts 4 seconds in a demonstration and a week elsewhere.",
];

type Audited = Pick<AuditResult, "missing" | "extra" | "altered" | "personBits" | "letters">;

/** The end of one person's life, as the auditor sees it. */
export function auditInWords({ missing, extra, altered, personBits, letters }: Audited): string {
  const differences = counted(missing.length + extra.length + altered.length, "difference");
  const bits = `${personBits.ever.toFixed(1)} bits about the person ever (${counted(letters.ever, "letter")})`;
  return `done; audit: ${differences}, ${bits}`;
}

const ratio = (value: number | null): string => (value === null ? noValue : value.toFixed(3));
