// How threads share a forward: the functions that kernels call on a team, and which pieces each part computes. team.c
// and team-wasm.c make teams. Without a team, a single part computes everything.
#pragma once
#include <stdint.h>

enum { ATTUNE_MOST_THREADS = 64 };

typedef struct AttuneTeam AttuneTeam;
struct AttuneTeam {
  int threads;
  _Atomic int ready; // whether all threads are there; until then the caller computes alone
  int64_t least; // a product with at least this many multiply-adds is worth sharing out
  // Runs work(context, part) for each part below `threads` at once, and returns when all parts have returned.
  void (*run)(AttuneTeam *team, void (*work)(void *context, int part), void *context);
  // Every part calls this within such work. No part continues before all have come; then all may read what
  // each part wrote before.
  void (*meet)(AttuneTeam *team);
};

typedef struct { AttuneTeam *team; int index, count; } Part;
typedef struct { int first, end; } Range;

static inline void meet(Part part) {
  if (part.team) part.team->meet(part.team);
}

// The pieces of `count` that belong to this part: one contiguous run, as even as possible.
static inline Range share_of(int count, Part part) {
  return (Range){(int)((int64_t)count * part.index / part.count), (int)((int64_t)count * (part.index + 1) / part.count)};
}
