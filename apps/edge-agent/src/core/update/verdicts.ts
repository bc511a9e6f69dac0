// Limits how often a release may be judged on what the person said: each verdict gives the server one bit about it.

import { canonicalBytes } from "@attune/shared/canonical-json";
import { slugsOf } from "@attune/shared/contracts/label-set";
import { type Release, sha256Schema } from "@attune/shared/contracts/release";
import { z } from "zod";
import { resumeTimer } from "../concurrency/lasting-timer.js";
import type { Clock, Hashing, Store } from "../ports.js";
import type { PendingChange } from "../storage/pending-change.js";
import { putRecord, readRecord } from "../storage/records.js";

const rememberedContents = 64;

const key = "verdicts";
const recordSchema = z.strictObject({
  version: z.literal(1),
  count: z.int().min(0),
  /** Manifest of the release that is being judged: it is not counted twice. */
  judged: sha256Schema.nullable(),
  /** The rest of the pause when the wall clock showed `wallMs`. */
  pauseMs: z.number().min(0),
  wallMs: z.number(),
  /** Contents that have run here, newest last. */
  ran: z.array(sha256Schema),
});
type VerdictRecord = z.infer<typeof recordSchema>;

const noVerdicts: VerdictRecord = { version: 1, count: 0, judged: null, pauseMs: 0, wallMs: 0, ran: [] };

export interface Verdicts {
  readonly count: number;
  /** Milliseconds until another release may be judged; 0 when one may be judged now. */
  pauseLeftMs(): number;
  /** Whether the judgement of the release is under way and has been counted. */
  isCounted(manifestSha256: string): boolean;
  hasRun(content: string): boolean;
  /** The next release waits `pauseMs` from now on. */
  countVerdict(manifestSha256: string, pauseMs: number): PendingChange;
  /** The judgement is over: the same release is counted anew where the server asks for it once more. */
  settle(): PendingChange;
  /** Settles, and remembers a content that runs here now. */
  recordRun(content: string): PendingChange;
}

export async function openVerdicts(store: Store, clock: Clock): Promise<Verdicts> {
  let record = (await readRecord(store, key, recordSchema)) ?? noVerdicts;
  const timer = resumeTimer(clock, record.wallMs);
  const pauseLeftMs = () => Math.max(0, record.pauseMs - timer.elapsedMs());
  if (timer.wasSetBack) await store.batch([putRecord(key, { ...record, wallMs: clock.nowMs() })]);

  function change(fields: Partial<VerdictRecord>): PendingChange {
    const next: VerdictRecord = { ...record, pauseMs: pauseLeftMs(), wallMs: clock.nowMs(), ...fields };
    return {
      operations: [putRecord(key, next)],
      onWritten() {
        record = next;
        timer.restart();
      },
    };
  }

  return {
    get count() {
      return record.count;
    },
    pauseLeftMs,
    isCounted: (manifestSha256) => record.judged === manifestSha256,
    hasRun: (content) => record.ran.includes(content),
    countVerdict: (judged, pauseMs) => change({ judged, count: record.count + 1, pauseMs }),
    settle: () => change({ judged: null }),
    recordRun: (content) =>
      change({
        judged: null,
        ran: [...record.ran.filter((known) => known !== content), content].slice(-rememberedContents),
      }),
  };
}

/** A hash of the release without its number, its dates and its name: the same content comes to the same verdict. */
export function contentOf(release: Release, { sha256 }: Pick<Hashing, "sha256">): Promise<string> {
  const { features, headRecipe } = release;
  const labels = slugsOf(release.labels);
  const files = release.files.map(({ name, sha256 }) => [name, sha256] as const).sort();
  return sha256(canonicalBytes({ features, labels, headRecipe, files }));
}
