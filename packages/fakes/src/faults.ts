// Death at a chosen durable step: a fake device asks here before every write.

export class Killed extends Error {
  constructor() {
    super("the process was killed (by the test)");
  }
}

export interface Faults {
  /** Durable steps made so far, over all lives. */
  readonly steps: number;
  readonly dead: boolean;
  /**
   * Dies at the `step`-th durable step from now (1 = the next), either before the step takes effect or just after it.
   */
  killAt(step: number, when: "before" | "after"): void;
  /** Dies now. */
  kill(): never;
  /** Starts a new life: a process on what the old one left. */
  revive(): void;
  /** Runs a durable step. A killed process throws Killed in place of the step, or after it. */
  step<T>(effect: () => T): T;
  /** Throws Killed when the process is dead. */
  check(): void;
}

export function createFaults(): Faults {
  let steps = 0;
  let dead = false;
  let plan: { at: number; when: "before" | "after" } | undefined;
  function check(): void {
    if (dead) throw new Killed();
  }
  return {
    get steps() {
      return steps;
    },
    get dead() {
      return dead;
    },
    killAt(step, when) {
      plan = { at: steps + step, when };
    },
    kill() {
      dead = true;
      throw new Killed();
    },
    revive() {
      dead = false;
      plan = undefined;
    },
    step(effect) {
      check();
      steps++;
      const due = plan !== undefined && steps === plan.at;
      if (due && plan?.when === "before") dead = true;
      check();
      const result = effect();
      if (due) dead = true;
      check();
      return result;
    },
    check,
  };
}
