import { expect, test } from "vitest";
import { expositionOf } from "./exposition.js";

test("families have help, type and samples, with labels escaped and the suffixes of a summary", () => {
  const text = expositionOf([
    { name: "attune_a", type: "gauge", help: "A.", samples: [{ labels: { state: 'x"\\\n' }, value: 2 }] },
    {
      name: "attune_b_seconds",
      type: "summary",
      help: "B.",
      samples: [
        { suffix: "_sum", value: 0.5 },
        { suffix: "_count", value: 3 },
      ],
    },
  ]);
  expect(text.split("\n")).toEqual([
    "# HELP attune_a A.",
    "# TYPE attune_a gauge",
    'attune_a{state="x\\"\\\\\\n"} 2',
    "# HELP attune_b_seconds B.",
    "# TYPE attune_b_seconds summary",
    "attune_b_seconds_sum 0.5",
    "attune_b_seconds_count 3",
    "",
  ]);
});
