// Copies this installation to a path of the test's choosing; every other package stays where it is.

import { cpSync, mkdirSync, readdirSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = realpathSync(fileURLToPath(new URL("../..", import.meta.url)));
const parts = ["apps/server", "apps/edge-agent", "packages/ml", "packages/platform", "packages/shared", "prisma"];

export interface Differences {
  /** Packages that are copied, not linked, without the links that their install scripts made. */
  readonly copied?: readonly string[];
  /** Packages that are left out. */
  readonly omitted?: readonly string[];
}

export function copyInstallation(target: string, { copied = [], omitted = [] }: Differences = {}): void {
  for (const part of parts) {
    cpSync(join(root, part), join(target, part), {
      recursive: true,
      filter: (path) => !/\/(src|node_modules)$/.test(path),
    });
  }
  symlinkSync(join(root, "assets"), join(target, "assets"));
  linkPackages(join(root, "node_modules"), join(target, "node_modules"), copied);
  for (const name of omitted) rmSync(join(target, "node_modules", name));
}

function linkPackages(from: string, to: string, copied: readonly string[]): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [source, link] = [join(from, name), join(to, name)];
    const within = copied.filter((path) => path.startsWith(`${name}/`)).map((path) => path.slice(name.length + 1));
    const place = relative(root, realpathSync(source));
    if (copied.includes(name)) {
      cpSync(source, link, { recursive: true, filter: (path) => realpathSync(path) === path });
    } else if (within.length > 0 || name === "@attune") linkPackages(source, link, within);
    else if (parts.includes(place)) symlinkSync(relative(dirname(link), join(to, "../..", place)), link);
    else symlinkSync(source, link);
  }
}
