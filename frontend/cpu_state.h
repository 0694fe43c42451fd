// SPDX-License-Identifier: GPL-3.0-or-later
// All of a CPU's state that its guest can see, as one plain struct: what a snapshot keeps.
//
// What follows from it (mode word, TLB contexts) or from others (interrupt lines) is not in it, nor
// is what only the host knows (TLBs, statistics). Both functions are for a vCPU that does not run.
#ifndef FRONTEND_CPU_STATE_H
#define FRONTEND_CPU_STATE_H

#include "frontend/cpu.h"

// No padding: it is compared and saved byte by byte.
struct a64_state {
    uint64_t r[A64_NR_R];
    uint64_t v[VCPU_NR_V][2];
    uint64_t pc, icount;
    uint64_t excl_addr, excl_value[2];
    struct a64_pmu_state pmu;
    uint32_t excl_size, nzcv, fpcr, fpsr;
    uint8_t el, spsel, daif, pan, uao, ss, il, dit, ssbs;
    uint8_t event, claim;
    uint8_t stepping, step_valid, step_ex;
    uint8_t off;
    uint8_t reserved; // zero
};

void a64_state_get(const struct a64_cpu *cpu, struct a64_state *s);
// Checks a state that anybody may have made and takes it over, with everything that follows from
// it. False: the CPU is as it was.
bool a64_state_set(struct a64_cpu *cpu, const struct a64_state *s, struct error *err);

// What of it no other part of the emulator knows, for guest.extra_get() and extra_set(): those may
// be called between two instructions of a CPU that runs. No padding.
struct a64_extra {
    uint8_t el, spsel, daif, pan, uao, ss, il, dit, ssbs, event, claim, stepping, step_valid, step_ex;
    uint8_t pmu_counting, pmu_line;
    uint64_t pmu_rate, pmu_armed_at, pmu_armed_ns;
    struct a64_pmu_state pmu;
};
void a64_extra_get(const struct vcpu *cpu, void *extra);
void a64_extra_set(struct vcpu *cpu, const void *extra);

// Forgets what the CPU has cached of translation tables, as a load does: what it does next is then
// the same before and after a save.
void a64_state_settle(struct a64_cpu *cpu);

#endif
