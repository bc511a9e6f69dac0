// A team of threads in WebAssembly, as team.c is natively: each is a worker of the host with an instance of its own on the one shared memory. They
// come when the host has started them; until all have, a forward is computed by the caller alone.
#include <stdatomic.h>
#include "threads/parallel.h"

#define EXPORT(NAME) __attribute__((export_name(#NAME))) NAME
// Longer than the host takes to wake a thread, or one that sleeps too early makes the others sleep, wait after wait: measured, with a fifth of it
// two threads were slower than one. WebAssembly has no instruction to pause.
enum { SPINS = 100000, LINE = 64 };

typedef struct {
  AttuneTeam team; // what callers see comes first
  void (*work)(void *context, int part); // of this round
  void *context;
  atomic_int came; // of the host's threads
  // On lines of their own: all write the one and watch the other.
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

// memory: zeros, aligned to a line. least: as AttuneTeam's.
AttuneTeam *EXPORT(team_init)(void *memory, int threads, int least) {
  *(Team *)memory = (Team){.team = {.threads = threads, .least = least, .run = run_all, .meet = meet_all}};
  return memory;
}

// Of the thread that computes this part, from 1 on; returns when the team is ended.
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

// Ends the team, also from one of its threads that failed: those that wait for it in the midst of work fail likewise, and the caller computes
// alone from then on.
void EXPORT(team_end)(AttuneTeam *base) {
  Team *team = (Team *)base;
  team->broken = 1;
  base->ready = 0;
  team->round++;
  __builtin_wasm_memory_atomic_notify((int *)&team->round, ATTUNE_MOST_THREADS);
}
