// Sizes of functions: at most three parameters, then an object; and short enough to be read at once.

import { parseSync } from "rolldown/utils";
import { describe, expect, test } from "vitest";
import { listFiles, read } from "./tree.js";

const maxParameters = 3;
const maxLines = 80;

interface FunctionSize {
  readonly name: string;
  readonly parameters: number;
  readonly lines: number;
}

interface SyntaxNode {
  readonly type?: string;
  readonly start?: number;
  readonly end?: number;
  readonly params?: readonly unknown[];
  readonly id?: { readonly name?: string } | null;
  readonly key?: { readonly name?: string } | null;
}

const kinds: ReadonlySet<string | undefined> = new Set([
  "FunctionDeclaration",
  "FunctionExpression",
  "ArrowFunctionExpression",
]);

/** Every function of a source, under the name of the nearest declaration. */
function functionsIn(path: string, source: string): FunctionSize[] {
  const found: FunctionSize[] = [];
  function visit(value: unknown, around: string): void {
    if (typeof value !== "object" || value === null) return;
    const node = value as SyntaxNode;
    const name = node.id?.name ?? node.key?.name ?? around;
    if (kinds.has(node.type)) {
      const lines = source.slice(node.start, node.end).split("\n").length;
      found.push({ name: `${path} ${name}`, parameters: node.params!.length, lines });
    }
    for (const child of Object.values(value)) visit(child, name);
  }
  visit(parseSync(path, source).program, "");
  return found;
}

const functions = listFiles(/^(packages|apps)\/.*\.(tsx?|js)$/)
  .filter((path) => !/\.(test|d)\.ts$|\/generated\//.test(path))
  .flatMap((path) => functionsIn(path, read(path)));

describe("a function of the product", () => {
  test("is measured, whatever its form", () => {
    const source =
      "function a(b, { c }, d = 1) {\n}\nconst e = {\n  f(g, ...h) {},\n  i: () => 1,\n};\nclass J { k = (l) => l; }";
    expect(functionsIn("x.ts", source)).toEqual([
      { name: "x.ts a", parameters: 3, lines: 2 },
      { name: "x.ts f", parameters: 2, lines: 1 },
      { name: "x.ts i", parameters: 0, lines: 1 },
      { name: "x.ts k", parameters: 1, lines: 1 },
    ]);
  });

  test("takes at most three parameters", () => {
    expect(functions.length).toBeGreaterThan(3_000);
    expect(functions.filter(({ parameters }) => parameters > maxParameters)).toEqual([]);
  });

  test("has at most 80 lines", () => {
    expect(functions.filter(({ lines }) => lines > maxLines)).toEqual([]);
  });
});
