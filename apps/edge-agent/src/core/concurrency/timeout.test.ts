import { createVirtualClock } from "@attune/fakes/virtual-clock";
import { expect, test } from "vitest";
import { withTimeout } from "./timeout.js";

const never = <T>() => new Promise<T>(() => undefined);

test("work that takes too long is given up and aborted, and leaves no request behind", async () => {
  let told: AbortSignal | undefined;
  const work = (signal: AbortSignal) => {
    told = signal;
    return never();
  };
  const { signal } = new AbortController();
  await expect(withTimeout(work, { clock: createVirtualClock(), timeoutMs: 1_000, signal })).rejects.toMatchObject({
    code: "TIMED_OUT",
  });
  expect(told?.aborted).toBe(true);
});

test("work that is stopped from outside is aborted", async () => {
  const outside = new AbortController();
  let told: AbortSignal | undefined;
  const waiting = withTimeout(
    (signal) => {
      told = signal;
      return never();
    },
    { clock: createVirtualClock(), timeoutMs: 1e9, signal: outside.signal },
  );
  outside.abort();
  await expect(waiting).rejects.toMatchObject({ code: "TIMED_OUT" });
  expect(told?.aborted).toBe(true);
});

test("what work made in time stays usable: its signal does not abort afterwards", async () => {
  const clock = createVirtualClock();
  const outside = new AbortController();
  const told = await withTimeout(async (signal) => signal, { clock, timeoutMs: 1_000, signal: outside.signal });
  await clock.sleep(5_000, new AbortController().signal);
  outside.abort();
  expect(told.aborted).toBe(false);
});
