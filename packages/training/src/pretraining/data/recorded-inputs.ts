// What a run's record says went in beside the recipe, so that a run that repeats it is told where it does not.

import { z } from "zod";

const digests = z.array(z.object({ name: z.string(), sha256: z.string() })).readonly();

/** The part of run.json that this is about. */
export const recordedInputsSchema = z.object({
  data: digests,
  checkpoint: z.object({ files: digests }).optional(),
  teacher: z.object({ digest: z.string() }).optional(),
});

export type RecordedInputs = z.infer<typeof recordedInputsSchema>;

/** What of `now` is not as recorded, by name. */
export function changedInputs(recorded: RecordedInputs, now: RecordedInputs): string[] {
  const [before, after] = [named(recorded), named(now)];
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => before.get(name) !== after.get(name))
    .map((name) => (after.has(name) ? (before.has(name) ? name : `${name} (added)`) : `${name} (missing)`));
}

function named({ data, checkpoint, teacher }: RecordedInputs): Map<string, string> {
  return new Map([
    ...data.map(({ name, sha256 }) => [`data ${name}`, sha256] as const),
    ...(checkpoint?.files ?? []).map(({ name, sha256 }) => [`checkpoint ${name}`, sha256] as const),
    ...(teacher ? [["teacher", teacher.digest] as const] : []),
  ]);
}
