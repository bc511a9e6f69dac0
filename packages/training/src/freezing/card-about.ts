// card.json: what a run's maker says in its card, beside what the run's record knows. The bundled extractor's stands in assets/extractor.

import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "@attune/shared/errors";
import { z } from "zod";

const aboutSchema = z.strictObject({
  version: z.literal(1),
  title: z.string().optional(),
  /** A sentence. Without one a card of random weights says that its maker states the licence. */
  licence: z.string().optional(),
  /** The machine that trained, as in "40 minutes on …". */
  machine: z.string().optional(),
  /** The folder of the labelled sets, ending in a slash, and that of the frozen extractor: where the card's commands find them. */
  dataFolder: z.string().optional(),
  out: z.string().optional(),
  /** Sentences about where the data are. */
  dataNote: z.string().optional(),
  /** How the recipe was chosen. */
  recipeNote: z.string().optional(),
  /** In place of the limits that follow from the data alone. */
  limits: z.array(z.string()).optional(),
});
export type CardAbout = Partial<Omit<z.infer<typeof aboutSchema>, "version">>;

export const cardAboutName = "card.json";

/** Of a run folder; empty where there is no card.json. Throws INVALID_INPUT, naming the file and the field. */
export function readCardAbout(directory: string): CardAbout {
  const path = join(directory, cardAboutName);
  if (!existsSync(path)) return {};
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new AppError("INVALID_INPUT", `${path}: is not JSON; mend or remove it`, { cause });
  }
  const parsed = aboutSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const { path: field, message } = parsed.error.issues[0]!;
  throw new AppError("INVALID_INPUT", `${path}: ${field.join(".") || "its fields"}: ${message}; mend or remove it`);
}
