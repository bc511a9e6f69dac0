// The pairs of a word that may merge, by rank and then from left to right: a binary heap over numbers.

export interface PairQueue {
  add(rank: number, place: number): void;
  /** The lowest rank, of several the leftmost place; undefined when empty. */
  take(): { rank: number; place: number } | undefined;
}

/** Places below 2^26, ranks below 2^27: together exact in a float64. */
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

  /** Puts `key` in at the top and lets it down to where it belongs. */
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
