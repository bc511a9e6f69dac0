// Compares a run's inputs beside the recipe with its record, so that a run that repeats it can warn of differences.

import { z } from "zod";

const digests = z.array(z.object({ name: z.string(), sha256: z.string() })).readonly();

/** The part of run.json that records these inputs. */
export const recordedInputsSchema = z.object({
  data: digests,
  checkpoint: z.object({ files: digests }).optional(),
  teacher: z.object({ digest: z.string() }).optional(),
});

export type RecordedInputs = z.infer<typeof recordedInputsSchema>;

/** The names of the inputs that differ from the record. */
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
