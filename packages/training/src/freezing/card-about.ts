// Reads card.json: the maker's own statements for a run's card, beside the run's record. The bundled
// extractor's is in assets/extractor.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isPresentSync } from "@attune/platform/presence";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

const aboutSchema = z.strictObject({
  version: z.literal(1),
  title: z.string().optional(),
  /** A sentence. Without it, a card of random weights says that its maker states the licence. */
  licence: z.string().optional(),
  /** The machine that trained the extractor, as in "40 minutes on …". */
  machine: z.string().optional(),
  /**
   * The folder of the labelled sets, ending in a slash, and that of the frozen extractor, as the
   * card's commands name them.
   */
  dataFolder: z.string().optional(),
  out: z.string().optional(),
  /** Sentences about where the data come from. */
  dataNote: z.string().optional(),
  /** How the recipe was chosen. */
  recipeNote: z.string().optional(),
  /** The texts that the starting checkpoint was trained on, as in "trained by its publishers on …". */
  checkpointTexts: z.string().optional(),
  /** Replaces the limits that follow from the data alone. */
  limits: z.array(z.string()).optional(),
});
export type CardAbout = Partial<Omit<z.infer<typeof aboutSchema>, "version">>;

const cardAboutName = "card.json";

/** Reads a run folder's card.json; empty where there is none. Throws INVALID_INPUT, naming the file and the field. */
export function readCardAbout(directory: string): CardAbout {
  const path = join(directory, cardAboutName);
  if (!isPresentSync(path)) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `${path} is not JSON; mend or remove it`, { cause });
  }
  const parsed = aboutSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path: field, message } = parsed.error.issues[0]!;
  throw new AppError("INVALID_INPUT", `${path}: ${field.join(".") || "its fields"}: ${message}; mend or remove it`);
}
