// The digest of a cell's code covers some modules and leaves out others.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, expect, test } from "vitest";
import { createCodeDigest } from "./code-digest.js";

const directory = mkdtempSync(join(tmpdir(), "attune-code-"));
afterAll(() => rmSync(directory, { recursive: true }));

function write(root: string, files: Readonly<Record<string, string>>): string {
  for (const [name, code] of Object.entries(files)) {
    const path = join(directory, root, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, code);
  }
  return pathToFileURL(join(directory, root, "dist/tables/cell.js")).href;
}

const files = {
  "dist/tables/cell.js": 'import { fit } from "../fit.js";\nimport "node:fs";\nexport const cell = () => fit();\n',
  "dist/fit.js": 'import { cell } from "./tables/cell.js";\nexport const fit = () => import("./late.js");\n',
  "dist/late.js": "export const late = 1;\n",
  "dist/other.js": "export const other = 1;\n",
};

test("The digest changes with a module and with any that it imports, however far, and with no other", () => {
  const digestOf = (changed: Partial<typeof files>, root: string) =>
    createCodeDigest()(write(root, { ...files, ...changed }));
  const first = digestOf({}, "first");
  expect(first).toMatch(/^[0-9a-f]{64}$/);
  expect(digestOf({}, "elsewhere")).toBe(first);
  expect(digestOf({ "dist/other.js": "export const other = 2;\n" }, "another")).toBe(first);
  for (const name of ["dist/tables/cell.js", "dist/fit.js", "dist/late.js"] as const) {
    expect(digestOf({ [name]: `${files[name]}// changed\n` }, name), name).not.toBe(first);
  }
});

test("The digest of a source is that of what was built from it", () => {
  const digest = createCodeDigest();
  const built = new URL("../../../dist/experiments/tables/table7.js", import.meta.url).href;
  expect(digest(new URL("../tables/table7.ts", import.meta.url).href)).toBe(digest(built));
  expect(digest(built)).not.toBe(digest(new URL("../tables/table6.ts", import.meta.url).href));
});
