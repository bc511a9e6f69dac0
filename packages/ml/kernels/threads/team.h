// A team of threads over POSIX threads, for native builds.
#pragma once
#include "encoder/encoder.h"

// 2 ≤ threads ≤ ATTUNE_MOST_THREADS, the caller's own among them; null where the system has no more. One caller at a time.
AttuneTeam *attune_team(int threads);
// Ends and joins the threads; null is no team.
void attune_end_team(AttuneTeam *team);
