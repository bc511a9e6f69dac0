// Estimates the seconds of a training step, from which the time left is computed.

interface Pace {
  readonly steps: number;
  readonly seconds: number;
}

/**
 * `before` is the run's work before this process, `here` this process's work. A process's first step puts the weights
 * on the backend, plans the epoch and runs cold, so it is no measure of later steps. Until there is a second step, the
 * steps before the process give the estimate.
 */
export function createPace(before: Pace): (here: Pace) => number {
  let first: Pace | undefined;
  return (here) => {
    first ??= here;
    if (here.steps > first.steps) return (here.seconds - first.seconds) / (here.steps - first.steps);
    return before.steps > 0 ? before.seconds / before.steps : here.seconds / here.steps;
  };
}
