// A team of threads over POSIX threads, for native builds.
#pragma once
#include "encoder/encoder.h"

// 2 ≤ threads ≤ ATTUNE_MOST_THREADS, the caller's own thread included. Null where the system has no more threads. One caller at a time.
AttuneTeam *attune_team(int threads);
// Ends and joins the threads; does nothing for null.
void attune_end_team(AttuneTeam *team);
