// The stops of a command line, between which a completion script moves from word to word.

export type Offer = readonly [word: string, meaning: string];

/** A value that follows: one of some words, any word where the list is empty, or a path. */
export type Value = { readonly words: readonly string[] } | { readonly path: "file" | "folder" };

export interface Stop {
  /** Each way to type the stop, aliases included: "device list"; "" is the program itself. */
  readonly paths: readonly string[];
  readonly commands: readonly Offer[];
  readonly options: readonly Offer[];
  readonly values: readonly (readonly [option: string, value: Value])[];
  readonly argument: Value | undefined;
}

/**
 * The words that lead to another stop: commands, and options whose value comes next. Each follows its
 * stop: "device list --fleet".
 */
export function stepsOf(stops: readonly Stop[]): { readonly commands: string[]; readonly options: string[] } {
  const at = (stop: Stop, words: readonly string[]) =>
    stop.paths.flatMap((path) => words.map((word) => `${path} ${word}`));
  return {
    commands: stops.flatMap((stop) =>
      at(
        stop,
        stop.commands.map(([word]) => word),
      ),
    ),
    options: stops.flatMap((stop) =>
      at(
        stop,
        stop.values.map(([option]) => option),
      ),
    ),
  };
}

/** Quotes a text so that bash, zsh and fish take it literally. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
