// Limits the tasks that run at a time. The other tasks wait in the order in which they came.

interface Turns {
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createTurns(width: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;
  return {
    async run(task) {
      if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
      else running++;
      try {
        return await task();
      } finally {
        // The turn passes to the next in line, or becomes free.
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
  };
}
