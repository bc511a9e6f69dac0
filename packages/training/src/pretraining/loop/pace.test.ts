// The time left follows from steps like those to come, also right after a run is resumed.

import { describe, expect, test } from "vitest";
import { createPace } from "./pace.js";

describe("the pace of a run", () => {
  test("leaves a process's first step out as soon as there is another", () => {
    const pace = createPace({ steps: 0, seconds: 0 });
    expect(pace({ steps: 1, seconds: 9 })).toBe(9);
    expect(pace({ steps: 2, seconds: 11 })).toBe(2);
    expect(pace({ steps: 12, seconds: 31 })).toBe(2);
  });

  test("is that of the steps before a resume until this process has its own, which alone counts then", () => {
    const pace = createPace({ steps: 485, seconds: 970 });
    expect(pace({ steps: 1, seconds: 9 })).toBe(2);
    expect(pace({ steps: 2, seconds: 13 })).toBe(4);
    expect(pace({ steps: 3, seconds: 17 })).toBe(4);
  });
});
