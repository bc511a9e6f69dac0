// A team of threads. All wait at one barrier, both for the next work and within work. A waiting thread spins for some
// microseconds, as long as most waits last, then sleeps, so that an idle team takes no processor time.
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include "threads/team.h"

#if defined(__x86_64__)
#define PAUSE() __builtin_ia32_pause()
#elif defined(__aarch64__)
#define PAUSE() __asm__ volatile("isb")
#else
#define PAUSE() ((void)0)
#endif
// Measured: with more, a second thread gains 50 to 90 percent. With less, waiting for each other and for each other's
// rows can cost the whole gain.
static const int64_t least = (1 << 22) + 1;
enum { SPINS = 1500, LINE = 64, STACK_BYTES = 512 << 10 };

typedef struct Team Team;
typedef struct { Team *team; int part; pthread_t thread; } Member;

struct Team {
  AttuneTeam team; // callers see this first member
  void (*work)(void *context, int part); // the work of this round; null ends the threads
  void *context;
  pthread_mutex_t lock;
  pthread_cond_t opened;
  atomic_int expected; // the number of threads expected at the barrier
  // Each has a cache line of its own: all threads write the first and watch the second.
  _Alignas(LINE) atomic_int arrived;
  _Alignas(LINE) atomic_int round;
  _Alignas(LINE) Member members[ATTUNE_MOST_THREADS];
};

static int has_passed(Team *team, int round) { return atomic_load_explicit(&team->round, memory_order_acquire) != round; }

static void meet_all(AttuneTeam *base) {
  Team *team = (Team *)base;
  const int round = atomic_load_explicit(&team->round, memory_order_relaxed); // stays until this thread has arrived
  const int before = atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel);
  if (before == atomic_load_explicit(&team->expected, memory_order_relaxed) - 1) {
    atomic_store_explicit(&team->arrived, 0, memory_order_relaxed);
    pthread_mutex_lock(&team->lock); // under the lock no thread falls asleep between its last check and this change
    atomic_store_explicit(&team->round, round + 1, memory_order_release);
    pthread_cond_broadcast(&team->opened);
    pthread_mutex_unlock(&team->lock);
    return;
  }
  for (int i = 0; i < SPINS; i++) {
    if (has_passed(team, round)) return;
    PAUSE();
  }
  pthread_mutex_lock(&team->lock);
  while (!has_passed(team, round)) pthread_cond_wait(&team->opened, &team->lock);
  pthread_mutex_unlock(&team->lock);
}

static void *serve(void *data) {
  const Member *member = data;
  Team *team = member->team;
  for (;;) {
    meet_all(&team->team);
    if (!team->work) return NULL;
    team->work(team->context, member->part);
    meet_all(&team->team);
  }
}

static void run_all(AttuneTeam *base, void (*work)(void *context, int part), void *context) {
  Team *team = (Team *)base;
  team->work = work;
  team->context = context;
  meet_all(base);
  work(context, 0);
  meet_all(base);
}

// The threads take no signals, because the process has other threads that expect them.
static int start(Team *team, int part) {
  Member *member = &team->members[part];
  *member = (Member){.team = team, .part = part};
  sigset_t all, before;
  pthread_attr_t attributes;
  if (pthread_attr_init(&attributes) != 0) return 0;
  pthread_attr_setstacksize(&attributes, STACK_BYTES);
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int code = pthread_create(&member->thread, &attributes, serve, member);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&attributes);
  return code == 0;
}

static void end(Team *team, int threads) {
  team->work = NULL;
  atomic_store_explicit(&team->expected, threads, memory_order_relaxed);
  meet_all(&team->team);
  for (int part = 1; part < threads; part++) pthread_join(team->members[part].thread, NULL);
  pthread_cond_destroy(&team->opened);
  pthread_mutex_destroy(&team->lock);
  free(team);
}

AttuneTeam *attune_team(int threads) {
  if (threads < 2 || threads > ATTUNE_MOST_THREADS) return NULL;
  Team *team = aligned_alloc(LINE, sizeof *team);
  if (!team) return NULL;
  *team = (Team){.team = {threads, 1, least, run_all, meet_all}, .expected = threads};
  pthread_mutex_init(&team->lock, NULL);
  pthread_cond_init(&team->opened, NULL);
  for (int part = 1; part < threads; part++) {
    if (start(team, part)) continue;
    end(team, part); // the threads that have started wait for the others
    return NULL;
  }
  return &team->team;
}

void attune_end_team(AttuneTeam *team) {
  if (team) end((Team *)team, team->threads);
}
