// A writer that is killed at any moment, and a look at what it left. The writer reports each round whose writes have
// resolved, so that the look knows what must be on the disk.

import { utf8 } from "@attune/shared/encoding";
import type { ConformingHome } from "./home.js";

const keysOfBatch = Array.from({ length: 8 }, (_, i) => `batch/${i}`);
const valueBytes = 3_000;
const fileBytes = 200_000;
const lineBytes = 8;

/** Never ends. `onRound` takes the number of each round that is on the disk. */
export async function writeUntilKilled(
  { store, files }: ConformingHome,
  onRound: (round: number) => void,
): Promise<never> {
  for (let round = 1; ; round++) {
    const value = new Uint8Array(valueBytes).fill(round % 256);
    await store.batch([
      ...keysOfBatch.map((key) => ({ type: "put" as const, key, value })),
      { type: "put", key: "round", value: utf8(String(round)) },
    ]);
    await files.writeDurably("whole", new Uint8Array(fileBytes).fill(round % 256));
    await files.append("lines", utf8(`${String(round).padStart(lineBytes - 1, "0")}\n`));
    onRound(round);
  }
}

export interface Wreck {
  /** The last round of which each kind of write is there. */
  readonly stored: number;
  readonly replaced: number;
  readonly appended: number;
  /** Names of values that are there in part, or of two rounds at once. */
  readonly torn: readonly string[];
}

export async function lookAtWreck({ store, files }: ConformingHome): Promise<Wreck> {
  const torn: string[] = [];
  const stored = Number(new TextDecoder().decode((await store.get("round")) ?? utf8("0")));
  for (const key of keysOfBatch) {
    const value = await store.get(key);
    if (stored > 0 && (value?.length !== valueBytes || value.some((byte) => byte !== stored % 256))) torn.push(key);
  }
  const whole = (await files.size("whole")) === undefined ? undefined : await files.read("whole");
  if (whole && (whole.length !== fileBytes || whole.some((byte) => byte !== whole[0]))) torn.push("whole");
  const text = (await files.size("lines")) === undefined ? "" : new TextDecoder().decode(await files.read("lines"));
  // An append may be there in part at the end, which its reader cuts off.
  const lines = text.split("\n").slice(0, -1).map(Number);
  if (lines.some((line, i) => line !== i + 1)) torn.push("lines");
  // The file holds its round modulo 256, which is the stored round or the one before.
  const replaced = whole === undefined ? 0 : stored - ((stored - whole[0]! + 256) % 256);
  return { stored, replaced, appended: lines.length, torn };
}

/** True where every reported round is there, and at most the round after it was begun. */
export function isIntact({ stored, replaced, appended, torn }: Wreck, reported: number): boolean {
  const reached = [stored, replaced, appended];
  return torn.length === 0 && reached.every((round) => round >= reported && round <= reported + 1);
}
