// Lets so many tasks run at a time; the others wait in the order in which they came.

export interface Turns {
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
        // The turn goes to the next in line, or back.
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
  };
}
