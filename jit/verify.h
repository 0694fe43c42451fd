// SPDX-License-Identifier: GPL-3.0-or-later
// `-accel verify`: each compiled region against the interpreter, as it runs.
//
// region_enter() hands an entry to verify_region(), which runs the compiled code with every access
// and everything it learns from outside (MMIO, clock, interrupt controller) logged; then takes the
// vCPU back to where it was and has the interpreter do as many instructions, with each access
// answered from the log: nothing reaches memory or a device twice, and what a device or another
// vCPU writes meanwhile makes no difference. Accesses are compared as they come (address, size,
// value, order), registers at the end. Then the guest goes on from the interpreter's state. By
// turns with that, the two run on copies of the pages they touch, and these are compared: there the
// region takes the fast path of its accesses.
//
// Nobody pays for it otherwise: while a region is verified, no TLB entry bears the vCPU's data
// contexts (TLB_CTX_VERIFY), so that every access of either engine takes the slow path, and that is
// where vcpu.verify is looked at.
//
// A vCPU's verify_run belongs to its thread.
#ifndef JIT_VERIFY_H
#define JIT_VERIFY_H

#include "jit/region.h"

#include <stdio.h>

// How: see verify_log.c and verify_shadow.c.
enum verify_how {
    VERIFY_BY_TURNS,
    VERIFY_LOGGED, // every access in order
    VERIFY_SHADOW, // the fast path of accesses, and what memory became
};

struct verify_options {
    enum verify_how how;
    unsigned every; // one region entry in so many is verified; 0: all
    // A difference was found and written out: the guest should be ended. vCPU's thread, once.
    void (*failed)(void *opaque);
    void *opaque;
};

// Makes region_enter() verify. Before vCPUs run; the log says where a difference is written to.
void verify_init(struct jit *jit, const struct verify_options *options);
void verify_fini(struct jit *jit); // after they have stopped

// Runs an entry of the region as region->fn would.
enum region_result verify_region(struct vcpu *cpu, const struct region *region, uint64_t page0,
                                 uint32_t entry);

// Entries that were verified, instructions in them, and differences found.
struct verify_counts {
    uint64_t entries, insns, differences;
};
struct verify_counts verify_counts(const struct jit *jit);

// The slow paths of a vCPU whose `verify` is set (tlb.c, region_slow.c, cpu.c of a frontend).
bool verify_access(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, void *data, bool write);
bool verify_probe(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr);
void *verify_rmw(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, bool reads);
uint64_t verify_slow_access(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, bool store,
                            uint64_t out[2]);
void verify_set_contexts(struct vcpu *cpu, uint32_t dctx, uint32_t uctx);

// What comes from outside the CPU: `what` and `arg` tell the request. Who makes one asks
// verify_outside() first: true, and it is answered by *value, from the log. Otherwise it does what
// it does and reports it. Both for any vCPU, verified or not.
bool verify_outside(struct vcpu *cpu, unsigned what, uint64_t arg, uint64_t *value);
void verify_outside_done(struct vcpu *cpu, unsigned what, uint64_t arg, uint64_t value);

// The contexts of the vCPU's accesses. The frontend's door to dctx and uctx.
static inline void vcpu_set_contexts(struct vcpu *cpu, uint32_t dctx, uint32_t uctx)
{
    if (unlikely(cpu->verify)) {
        verify_set_contexts(cpu, dctx, uctx);
        return;
    }
    cpu->dctx = dctx;
    cpu->uctx = uctx;
}

#endif
