// A card describes the sets that a run learned from: by name, by labels, and by the flags that repeat the run.

import { describe, expect, test } from "vitest";
import type { TaskRecord } from "../pretraining/data/training-data.js";
import { cardDataOf } from "./card-data.js";

const goEmotions: TaskRecord = { name: "goemotions", set: "goemotions", labels: ["joy", "fear"] };
const meld: TaskRecord = { name: "meld", set: "meld", labels: ["fine", "fear"], renamed: { joy: "fine" } };
const calls: TaskRecord = {
  name: "calls",
  set: "own",
  labels: ["bored", "keen"],
  columns: { text: "Said", label: "Mood" },
};
const emoryNlp: TaskRecord = { name: "emorynlp", set: "emorynlp", labels: [] };

describe("A card's data", () => {
  test("are GoEmotions and EmoryNLP where a record is older than other sets", () => {
    const data = ["goemotions/train", "goemotions/dev", "emorynlp"].map((name) => ({ name, rows: 1, sha256: "" }));
    const former = cardDataOf({ data }, "data/");
    const now = cardDataOf({ data, tasks: [goEmotions, emoryNlp] }, "data/");
    for (const { titles, isOpen, flags } of [former, now]) {
      expect([titles, isOpen]).toEqual(["GoEmotions and EmoryNLP", true]);
      expect(flags).toEqual({ data: "--data data/goemotions", others: " --extra data/emorynlp" });
    }
    expect(former.description("x")).toBe(now.description("x"));
  });

  test("name an owner's set, its labels and its columns, and what was renamed", () => {
    const { title, isOpen, onMeld, description, flags } = cardDataOf({ data: [], tasks: [calls, meld] });
    expect([title, isOpen, onMeld]).toEqual(["calls", false, true]);
    expect(description("Its dev split chose.")).toMatch(
      /^- Main task: calls: .* under the labels bored, keen\. Its dev split chose\.\n- Second task: MELD .*, renamed to fine, fear\.$/,
    );
    expect(`${flags.data}${flags.others}`).toBe(
      '--data calls --extra meld --columns "text=Said,label=Mood" --labels "joy=fine"',
    );
  });
});
