// A recipe is chosen by name or from a record, changed field by field, and refused with the field's name.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { chooseRecipe, recipes } from "./recipe.js";

const directory = mkdtempSync(join(tmpdir(), "attune-recipe-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("chooseRecipe", () => {
  test("changes single fields, fields within fields, and leaves optional ones out", () => {
    const set = ["epochs=0.5", "select=last", "distillation.weight=0.9", "vocabularySize=none", "classWeights=none"];
    const { recipe } = chooseRecipe("fine-tuned-2", set);
    expect(recipe).toMatchObject({ epochs: 0.5, select: "last", distillation: { weight: 0.9, temperature: 2 } });
    expect(recipe.vocabularySize).toBeUndefined();
    expect(recipe.classWeights).toBe("none");
  });

  test("repeats the recipe of a record", () => {
    const path = join(directory, "run.json");
    writeFileSync(path, JSON.stringify({ version: 2, recipe: { ...recipes.small, epochs: 7 } }));
    expect(chooseRecipe(path, []).recipe).toMatchObject({ hiddenSize: 256, epochs: 7 });
  });

  test.each([
    ["huge", [], /there are tiny, small, fine-tuned-2/],
    ["tiny", ["epochs"], /--set epochs is not of the form/],
    ["tiny", ["epochs=0"], /recipe tiny, epochs/],
    ["tiny", ["colour=3"], /recipe tiny/],
    ["tiny", ["pooling=sum"], /recipe tiny, pooling/],
    [
      "tiny",
      ["distillation.temperature=0"],
      /recipe tiny, distillation\.weight: .*; distillation\.temperature: Too small/,
    ],
    [join(directory, "none.json"), [], /none\.json: ENOENT/],
  ] as const)("%s %j: refused", (name, set, message) => {
    expect(() => chooseRecipe(name, set)).toThrow(message);
  });

  test.each(["null", "3", "[]", '{"recipe":null}', '"tiny"'])("refuses a file that holds %s, no recipe", (text) => {
    const path = join(directory, "other.json");
    writeFileSync(path, text);
    expect(() => chooseRecipe(path, [])).toThrow(/other\.json holds no recipe; name a run\.json/);
  });
});
