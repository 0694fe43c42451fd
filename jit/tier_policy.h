// SPDX-License-Identifier: GPL-3.0-or-later
// Every threshold of promotion in one struct, each with how it was chosen.
#ifndef JIT_TIER_POLICY_H
#define JIT_TIER_POLICY_H

#include <stdint.h>

#define TIER_DONE         255 // tb.looked: in a region that is on its way; else how often the cache was asked
#define TIER_MAX_ASKED    4
#define TIER_MAX_PATIENCE 20

struct tier_policy {
    // Executions of a block before the cache is asked for a region that starts there, and again at
    // twice, four times as many. Asking costs a hash; a region found pays after a few hundred
    // executions.
    uint64_t cache_at;
    // Executions before a region is compiled. A compile costs some 100 ms of another core; a block
    // that was executed 16,000 times (0.1 to 1 ms) goes on mostly for much longer.
    uint64_t compile_at;
    // Executions in 10 ms that keep a region hot while it waits, or is compiled. Below, the compiler
    // had better be free: a loop that has just begun gains more.
    uint32_t hot_again;
    // Microseconds that they are counted over at least: a loop of ten instructions runs 100,000 times.
    uint32_t heat_span;
    // Microseconds of being hot, without a longer gap than the second, after which another compile is
    // interrupted for it. What loops in turn with others, as a sieve does, has gaps.
    uint32_t heat_lasts, heat_gap;
    // A region that leaves again after fewer instructions than this, on average over so many entries,
    // is given up: going in and out costs as much as the quick engine takes for some hundred.
    uint32_t pays_entries, pays_insns;
    // log2: how many times hotter its blocks have to become, every time, until another region is formed
    // of them; what they run into may have changed. 16,000, 131,000, a million: what that wastes stays
    // small against what has been executed.
    uint8_t given_up_patience;
    // A region of more instructions than this takes 20 ms to compile and more. It is formed anew when
    // its block is this many times (log2) hotter, since the first millisecond of a loop does not say yet
    // what belongs to it.
    uint32_t large_insns;
    uint8_t large_patience;
    // Candidates from the cache whose bytes are compared.
    unsigned max_candidates;
};

#define TIER_POLICY_DEFAULT ((struct tier_policy){ .cache_at = 2048, .compile_at = 16384, .hot_again = 8192, .heat_span = 2000, .heat_lasts = 6000, .heat_gap = 10000, .pays_entries = 1024, \
    .pays_insns = 100, .given_up_patience = 3, .large_insns = 64, .large_patience = 2, .max_candidates = 4 })

#endif
