// How long a step of training takes: what the time left is told from.

export interface Pace {
  readonly steps: number;
  readonly seconds: number;
}

/**
 * From what a run has behind it before this process to the seconds a step of it takes, by what this process has done of it. The first step of
 * a process puts the weights on the backend, plans the epoch and runs cold: it says nothing of those to come. Until there is another, the steps
 * before the process tell.
 */
export function createPace(before: Pace): (here: Pace) => number {
  let first: Pace | undefined;
  return (here) => {
    first ??= here;
    if (here.steps > first.steps) return (here.seconds - first.seconds) / (here.steps - first.steps);
    return before.steps > 0 ? before.seconds / before.steps : here.seconds / here.steps;
  };
}
