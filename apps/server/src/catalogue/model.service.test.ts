// Aliases with the repository in memory: what a change may do, and what the answer says.

import { beforeEach, describe, expect, test } from "vitest";
import type { ModelRepository } from "./model.repository.js";
import { createModelService, type ModelService } from "./model.service.js";
import type { StoredVersion } from "./stored-version.js";

const by = { actor: "nora", reason: null };
let named: Map<string, number>;
let service: ModelService;
beforeEach(() => {
  named = new Map();
  const repository: ModelRepository = {
    list: async () => [],
    find: async () => null,
    async changeAlias({ model, alias, release, judge }) {
      const before = named.get(`${model}@${alias}`) ?? null;
      judge(before);
      if (release === null) named.delete(`${model}@${alias}`);
      else named.set(`${model}@${alias}`, release);
      return before;
    },
  };
  const find = async (reference: object) =>
    "sequence" in reference && (reference.sequence as number) < 9
      ? ({ sequence: reference.sequence, modelName: reference.sequence === 8 ? "other" : "small" } as StoredVersion)
      : null;
  service = createModelService({ repository, versions: { find }, now: () => 0 });
});

const champion = { model: "small", alias: "champion" };
const set = (sequence: number, expected?: number) =>
  service.setAlias({ ...champion, release: { sequence }, expect: expected }, by);

describe("an alias", () => {
  test("moves from release to release, and the answer names the release before", async () => {
    expect(await set(1)).toEqual({ ...champion, release: 1, before: null });
    expect(await set(2)).toEqual({ ...champion, release: 2, before: 1 });
    expect(await service.deleteAlias(champion, by)).toEqual({ ...champion, release: null, before: 2 });
  });

  test("moves only from the release that is expected, where one is", async () => {
    await set(1, 0);
    await expect(set(2, 0)).rejects.toMatchObject({
      code: "CONFLICT",
      message: "small@champion names release 1, not none",
    });
    await expect(set(2, 3)).rejects.toMatchObject({ code: "CONFLICT" });
    await expect(service.deleteAlias({ ...champion, expect: 3 }, by)).rejects.toMatchObject({ code: "CONFLICT" });
    expect(named.get("small@champion")).toBe(1);
    expect(await set(2, 1)).toMatchObject({ release: 2 });
    expect(await service.deleteAlias({ ...champion, expect: 2 }, by)).toMatchObject({ before: 2 });
  });

  test("names a release of its own model, and one that exists", async () => {
    await expect(set(8)).rejects.toMatchObject({ code: "CONFLICT", message: expect.stringContaining("other") });
    await expect(set(9)).rejects.toMatchObject({ code: "NOT_FOUND", message: "there is no release 9" });
    const unknown = { ...champion, release: { model: "small", alias: "candidate" } };
    await expect(service.setAlias(unknown, by)).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(service.deleteAlias(champion, by)).rejects.toMatchObject({ code: "NOT_FOUND" });
  });
});
