// The forgotten utterances, in a file beside the store: a store put back to an earlier copy finds there what it must
// not bring back. A line is an id's hash under the device's key. The same id may be said anew and forgotten again, so
// its lines are counted.

import { AppError } from "@attune/shared/errors";
import type { Files, Hashing } from "../ports.js";

export interface Tombstones {
  /** How often the id was forgotten. An utterance under it from before the last time must not come back. */
  count(id: string): Promise<number>;
  /** Resolves once the line is on the disk. */
  add(id: string): Promise<void>;
}

interface TombstoneParts {
  readonly files: Pick<Files, "read" | "append" | "size" | "truncate">;
  readonly hashing: Pick<Hashing, "keyedHash">;
}

const tombstonesFile = "forgotten";
const linePattern = /^[0-9a-f]{64}$/;
const lineBytes = 65;

export async function openTombstones({ files, hashing }: TombstoneParts): Promise<Tombstones> {
  const counts = new Map<string, number>();
  const size = (await files.size(tombstonesFile)) ?? 0;
  // A process died in the middle of a line, so that forgetting had not begun.
  const whole = size - (size % lineBytes);
  if (size !== whole) await files.truncate(tombstonesFile, whole);
  if (whole > 0) {
    const text = new TextDecoder().decode(await files.read(tombstonesFile));
    for (const line of text.trimEnd().split("\n")) {
      if (!linePattern.test(line))
        throw new AppError("STORE_CORRUPT", `${tombstonesFile} does not hold what belongs there`);
      counts.set(line, (counts.get(line) ?? 0) + 1);
    }
  }
  const nameOf = (id: string) => hashing.keyedHash(`forgotten/${id}`);

  return {
    count: async (id) => counts.get(await nameOf(id)) ?? 0,
    async add(id) {
      const name = await nameOf(id);
      await files.append(tombstonesFile, new TextEncoder().encode(`${name}\n`));
      counts.set(name, (counts.get(name) ?? 0) + 1);
    },
  };
}
