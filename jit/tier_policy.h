// SPDX-License-Identifier: GPL-3.0-or-later
// Every threshold of promotion in one struct, each with how it was chosen.
#ifndef JIT_TIER_POLICY_H
#define JIT_TIER_POLICY_H

#include <stdint.h>

#define TIER_DONE      255 // tb.looked: decided; else how often the cache was asked
#define TIER_MAX_ASKED 4

struct tier_policy {
    // Executions of a block before the cache is asked for a region that starts there, and again at
    // twice, four times as many. Asking costs a hash; a region found pays after a few hundred
    // executions.
    uint64_t cache_at;
    // Executions before a region is compiled. A compile costs some 100 ms of another core; a block
    // that was executed 16,000 times (0.1 to 1 ms) goes on mostly for much longer.
    uint64_t compile_at;
    // Executions between two looks of the compiler (10 ms, or a compile) that keep a waiting region hot.
    // Below, the compiler had better be free: a loop that has just begun gains more.
    uint32_t hot_again;
    // A region that leaves again after fewer instructions than this, on average over so many entries,
    // is given up: going in and out costs as much as the quick engine takes for some hundred.
    uint32_t pays_entries, pays_insns;
    // Candidates from the cache whose bytes are compared.
    unsigned max_candidates;
};

#define TIER_POLICY_DEFAULT ((struct tier_policy){ .cache_at = 2048, .compile_at = 16384, .hot_again = 8192, .pays_entries = 1024, \
    .pays_insns = 100, .max_candidates = 4 })

#endif
