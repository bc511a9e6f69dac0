// One agent for each home, whichever tabs are open: a Web Lock, which the browser releases when its worker ends.

import { AppError } from "@attune/shared/errors";

interface TabLock {
  release(): void;
}

/** A page that is loaded again waits for the worker of its earlier life to end. */
const patienceMs = 3_000;

/** Throws HOME_IN_USE while another tab holds the lock. */
export async function lockTab(name: string): Promise<TabLock> {
  const signal = AbortSignal.timeout(patienceMs);
  return new Promise((resolve, reject) => {
    navigator.locks
      .request(name, { signal }, () => new Promise<void>((release) => resolve({ release })))
      .catch((cause: unknown) => {
        if (!signal.aborted) return reject(cause);
        reject(new AppError("HOME_IN_USE", "the agent runs in another tab of this browser", { cause }));
      });
  });
}
