// The mergeable pairs of a word, ordered by rank and then from left to right: a binary heap over numbers.

interface PairQueue {
  add(rank: number, place: number): void;
  /** The pair of the lowest rank, at the leftmost place if there are several; undefined when empty. */
  take(): { rank: number; place: number } | undefined;
}

/** Places are below 2^26 and ranks below 2^27, so that a float64 holds both exactly. */
const places = 2 ** 26;

export function createPairQueue(): PairQueue {
  const heap: number[] = [];

  function add(rank: number, place: number): void {
    const key = rank * places + place;
    let at = heap.length;
    heap.push(key);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= key) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = key;
  }

  function take(): { rank: number; place: number } | undefined {
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined) return undefined;
    if (heap.length > 0) sink(last);
    return { rank: Math.floor(first / places), place: first % places };
  }

  /** Inserts `key` at the top and moves it down to its place. */
  function sink(key: number): void {
    let at = 0;
    for (let child = 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++;
      if (heap[child]! >= key) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = key;
  }

  return { add, take };
}
