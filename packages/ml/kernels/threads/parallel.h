// How a forward is shared out among threads: what kernels ask of a team, and which pieces are whose. A team is made where there are threads
// (team.c, team-wasm.c); without one the only part does it all.
#pragma once
#include <stdint.h>

enum { ATTUNE_MOST_THREADS = 64 };

typedef struct AttuneTeam AttuneTeam;
struct AttuneTeam {
  int threads;
  _Atomic int ready; // whether they are there: where they are not, or not yet, the caller computes alone
  int64_t least; // multiply-adds that a product has at least where sharing it out pays
  // work(context, part) for each part below `threads` at once; returns when all have.
  void (*run)(AttuneTeam *team, void (*work)(void *context, int part), void *context);
  // Within such work, by every part alike: none goes on before all have come, and what each wrote before, all may read after.
  void (*meet)(AttuneTeam *team);
};

typedef struct { AttuneTeam *team; int index, count; } Part;
typedef struct { int first, end; } Range;

static inline void meet(Part part) {
  if (part.team) part.team->meet(part.team);
}

// The pieces of `count` that are this part's: one run of them, as even as may be.
static inline Range share_of(int count, Part part) {
  return (Range){(int)((int64_t)count * part.index / part.count), (int)((int64_t)count * (part.index + 1) / part.count)};
}
