// A team of threads in WebAssembly, the counterpart of team.c. Each thread is a worker of the host, with an instance of
// its own on the shared memory. The host starts the threads; until all have come, the caller computes a forward alone.
#include <stdatomic.h>
#include "threads/parallel.h"

#define EXPORT(NAME) __attribute__((export_name(#NAME))) NAME
// Spinning must last longer than the host takes to wake a thread. Otherwise a thread that sleeps too early makes the
// others sleep, wait after wait. Measured: with a fifth of this number, two threads were slower than one. WebAssembly
// has no instruction to pause.
enum { SPINS = 100000, LINE = 64 };

typedef struct {
  AttuneTeam team; // callers see this first member
  void (*work)(void *context, int part); // the work of this round
  void *context;
  atomic_int came; // the number of the host's threads that have come
  // Each has a cache line of its own: all threads write the first and watch the second.
  _Alignas(LINE) atomic_int arrived;
  _Alignas(LINE) atomic_int round;
  atomic_int sleeping, broken;
} Team;

static void wait_for_all(Team *team) {
  const int round = team->round; // stays until this thread has arrived
  if (atomic_fetch_add(&team->arrived, 1) == team->team.threads - 1) {
    team->arrived = 0;
    team->round = round + 1;
    if (team->sleeping) __builtin_wasm_memory_atomic_notify((int *)&team->round, ATTUNE_MOST_THREADS);
    return;
  }
  for (int i = 0; i < SPINS; i++) {
    if (team->round != round || team->broken) return;
  }
  team->sleeping++;
  while (team->round == round && !team->broken) __builtin_wasm_memory_atomic_wait32((int *)&team->round, round, -1);
  team->sleeping--;
}

static void meet_all(AttuneTeam *base) {
  Team *team = (Team *)base;
  wait_for_all(team);
  if (team->broken) __builtin_trap();
}

static void run_all(AttuneTeam *base, void (*work)(void *context, int part), void *context) {
  Team *team = (Team *)base;
  team->work = work;
  team->context = context;
  meet_all(base);
  work(context, 0);
  meet_all(base);
}

int EXPORT(team_bytes)(void) { return sizeof(Team); }

// memory: zeros, aligned to a cache line. least: as in AttuneTeam.
AttuneTeam *EXPORT(team_init)(void *memory, int threads, int least) {
  *(Team *)memory = (Team){.team = {.threads = threads, .least = least, .run = run_all, .meet = meet_all}};
  return memory;
}

// The thread that computes part `part` (from 1 on) calls this; it returns when the team is ended.
void EXPORT(team_serve)(AttuneTeam *base, int part) {
  Team *team = (Team *)base;
  if (atomic_fetch_add(&team->came, 1) == base->threads - 2) base->ready = 1;
  while (!team->broken) {
    wait_for_all(team);
    if (team->broken) return;
    team->work(team->context, part);
    meet_all(base);
  }
}

int EXPORT(team_ready)(const AttuneTeam *team) { return team->ready; }

// Ends the team; one of its threads that failed may call this, too. Threads that wait for the failed thread within work
// fail as well. The caller computes alone from then on.
void EXPORT(team_end)(AttuneTeam *base) {
  Team *team = (Team *)base;
  team->broken = 1;
  base->ready = 0;
  team->round++;
  __builtin_wasm_memory_atomic_notify((int *)&team->round, ATTUNE_MOST_THREADS);
}
