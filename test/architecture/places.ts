// Reads the folders of a source tree and the imports between them, and compares both with a table of arrows.

import { importsOf, listFiles, read, resolveRelative } from "./tree.js";

/**
 * For each place, the other places that its files may import; types count too. A place is a folder, or a
 * file outside of folders.
 */
export type Arrows = Readonly<Record<string, readonly string[]>>;

export interface RelativeImport {
  /** The importing file and the imported file. */
  readonly path: string;
  readonly target: string;
  /** Their places. */
  readonly from: string;
  readonly to: string;
}

export interface SourceTree {
  readonly sources: readonly string[];
  readonly places: readonly string[];
  readonly imports: readonly RelativeImport[];
}

/** `placeOf` names the place of a path below `src`; by default it is the path's folder, or the file itself. */
export function readSourceTree(src: string, placeOf: (inside: string) => string = folderOf): SourceTree {
  const sources = listFiles(new RegExp(`^${src}/.*\\.ts$`)).filter((path) => !/\.(test|d)\.ts$/.test(path));
  const place = (path: string) => placeOf(path.slice(src.length + 1));
  const imports = sources.flatMap((path) =>
    importsOf(read(path))
      .filter(({ specifier }) => specifier.startsWith("."))
      .map(({ specifier }) => `${resolveRelative(path, specifier)}.ts`)
      .map((target) => ({ path, target, from: place(path), to: place(target) })),
  );
  return { sources, places: [...new Set(sources.map(place))].sort(), imports };
}

/** The folder of a path, or the path itself where it has none. */
export function folderOf(inside: string): string {
  return inside.includes("/") ? inside.slice(0, inside.lastIndexOf("/")) : inside;
}

/** Imports of another place that no arrow allows. */
export function importsBeside({ imports }: SourceTree, arrows: Arrows): string[] {
  return imports
    .filter(({ from, to }) => from !== to && !arrows[from]?.includes(to))
    .map(({ path, target }) => `${path} imports ${target}`);
}

/** Arrows that no import uses. */
export function unusedArrows({ imports }: SourceTree, arrows: Arrows): string[] {
  const used = new Set(imports.map(({ from, to }) => `${from} → ${to}`));
  return Object.entries(arrows)
    .flatMap(([from, targets]) => targets.map((to) => `${from} → ${to}`))
    .filter((arrow) => !used.has(arrow));
}

/** Arrows that do not point to an earlier row of the table. */
export function upwardArrows(arrows: Arrows): string[] {
  const order = Object.keys(arrows);
  return Object.entries(arrows).flatMap(([from, targets]) =>
    targets.filter((to) => order.indexOf(to) >= order.indexOf(from)).map((to) => `${from} → ${to}`),
  );
}
