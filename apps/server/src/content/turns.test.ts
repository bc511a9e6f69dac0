import { expect, test } from "vitest";
import { createTurns } from "./turns.js";

test("so many tasks run at a time, all of them run, and one that fails gives its turn on", async () => {
  const turns = createTurns(2);
  let running = 0;
  let most = 0;
  const task = (i: number) => async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    if (i % 3 === 0) throw new Error(String(i));
    return i;
  };
  const settled = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => turns.run(task(i))));
  expect(most).toBe(2);
  expect(settled.filter(({ status }) => status === "rejected")).toHaveLength(7);
  expect(await turns.run(async () => "afterwards")).toBe("afterwards");
});
