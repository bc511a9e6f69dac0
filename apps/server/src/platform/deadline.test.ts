import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { withDeadline } from "./deadline.js";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const never = new Promise<string>(() => undefined);

test("work that ends in time gives its own result, and leaves no timer", async () => {
  expect(await withDeadline(Promise.resolve("done"), 50, () => "late")).toBe("done");
  await expect(withDeadline(Promise.reject(new Error("broken")), 50, () => "late")).rejects.toThrow("broken");
  expect(vi.getTimerCount()).toBe(0);
});

test("work that takes longer gives the late result once its time is over, and no sooner", async () => {
  const late = vi.fn(() => "late");
  const result = withDeadline(never, 50, late);
  await vi.advanceTimersByTimeAsync(49);
  expect(late).not.toHaveBeenCalled();
  await vi.advanceTimersByTimeAsync(1);
  expect(await result).toBe("late");
});

test("a late result may be a fault", async () => {
  const fault = new Error("too late");
  const result = withDeadline(never, 50, () => {
    throw fault;
  });
  const rejected = expect(result).rejects.toBe(fault);
  await vi.advanceTimersByTimeAsync(50);
  await rejected;
});
