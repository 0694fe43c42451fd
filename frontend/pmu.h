// SPDX-License-Identifier: GPL-3.0-or-later
// The performance monitors of a CPU (PMUv3, Arm ARM D13): state and what others have to tell it.
#ifndef FRONTEND_PMU_H
#define FRONTEND_PMU_H

#include "base/bits.h"

struct a64_cpu;

enum { PMU_COUNTERS = 6, PMU_CYCLES = PMU_COUNTERS }; // the cycle counter stands behind the others

// What the guest sees. Sets have a bit a counter as the registers have: 0 to 5, and 31 for cycles.
struct a64_pmu_state {
    uint64_t pmcr;                         // E, X, DP
    uint64_t enabled, overflow, interrupt; // PMCNTEN, PMOVS, PMINTEN
    uint64_t selected;                     // PMSELR_EL0
    uint64_t counter[PMU_COUNTERS + 1];    // up to `since`
    uint64_t type[PMU_COUNTERS + 1];       // PMEVTYPER<n>_EL0, PMCCFILTR_EL0
    uint64_t since;                        // vcpu.icount
};

struct a64_pmu {
    struct a64_pmu_state s;
    bool counting;               // something is: a64_pmu_sync() before the exception level changes
    uint8_t line;                // of the interrupt, as the board knows it: 0, 1, PMU_LINE_UNKNOWN
    bool poked;                  // atomic; the board's timer wants a look
    uint32_t rate;               // instructions in 16 ns, about
    uint64_t armed_at, armed_ns; // icount when the board was asked to poke, and after how long
};

enum { PMU_LINE_UNKNOWN = 2 };

// Counts what has been executed at this exception level. Between blocks, or at the end of one.
void a64_pmu_sync(struct a64_cpu *cpu);
// At an EXIT_REQ_INTERRUPT.
void a64_pmu_look(struct a64_cpu *cpu);
void a64_pmu_reset(struct a64_cpu *cpu);
// The state has come from elsewhere, or is about to go there.
void a64_pmu_settle(struct a64_cpu *cpu);
// Could this be a state?
bool a64_pmu_valid(const struct a64_cpu *cpu, const struct a64_pmu_state *s, uint64_t icount);
// The board's timer. Any thread.
void a64_pmu_poke(struct a64_cpu *cpu);

#endif
