// The baseline learns which words go with which label, and gives the most frequent label for unknown words.

import { describe, expect, test } from "vitest";
import { bagOfWordsPredictions } from "./bag-of-words.js";

describe("bagOfWordsPredictions", () => {
  test("distinguishes texts by their words", () => {
    const texts = ["so good !", "good day", "so bad", "bad day", "good", "so good"];
    const training = { texts, labels: Int32Array.of(0, 0, 1, 1, 0, 0) };
    expect([...bagOfWordsPredictions(training, ["Good", "BAD", "unheard"], 3)]).toEqual([0, 1, 0]);
  });
});
