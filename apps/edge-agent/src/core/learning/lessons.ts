// The latest lessons of this process, for the programs and pages that follow them.

import type { Lesson } from "@attune/shared/contracts/local-events";

/** A follower that is further behind finds the sum of what it missed in the state. */
const keptLessons = 100;

export interface Lessons {
  /** The number of lessons so far. */
  readonly count: number;
  add(lesson: Lesson): void;
  /** The lessons after the first `count`, as far as they are kept. */
  after(count: number): readonly Lesson[];
  /** Calls `onLesson` after each lesson until the returned function is called. */
  watch(onLesson: () => void): () => void;
}

export function createLessons(): Lessons {
  const kept: Lesson[] = [];
  const watchers = new Set<() => void>();
  let count = 0;
  return {
    get count() {
      return count;
    },
    add(lesson) {
      kept.push(lesson);
      if (kept.length > keptLessons) kept.shift();
      count++;
      for (const onLesson of watchers) onLesson();
    },
    after: (seen) => kept.slice(Math.max(0, kept.length - Math.max(0, count - seen))),
    watch(onLesson) {
      watchers.add(onLesson);
      return () => watchers.delete(onLesson);
    },
  };
}
