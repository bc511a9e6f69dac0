// Death at a chosen durable step: everything a fake device writes asks here first.

export class Killed extends Error {
  constructor() {
    super("the process was killed (by the test)");
  }
}

export interface Faults {
  /** Durable steps made so far, over all lives. */
  readonly steps: number;
  readonly dead: boolean;
  /** Dies at the `step`-th durable step from now (1 = the next): before it takes effect, or just after. */
  killAt(step: number, when: "before" | "after"): void;
  /** Dies now. */
  kill(): never;
  /** A new life: the process is started again on what the old one left. */
  revive(): void;
  /** Runs a durable step; throws Killed instead of, or after, it. */
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
