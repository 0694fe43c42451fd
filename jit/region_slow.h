// SPDX-License-Identifier: GPL-3.0-or-later
// The slow paths of compiled regions: reached from cold code through thunks that preserve every
// register, so that the fast path spills nothing (region_thunks.S).
//
// A thunk's contract. In: rdi the vcpu, rax the guest address, rdx the descriptor, rcx the value to
// store (up to 8 bytes; wider ones go through vcpu.xfer). Out: rax the value loaded (or vcpu.xfer),
// rdx zero if it was done, else nothing has happened and a fault is recorded. Everything else is
// preserved; flags are not.
#ifndef JIT_REGION_SLOW_H
#define JIT_REGION_SLOW_H

#include "jit/vcpu.h"

// Descriptor: bytes | MEM_* << 8 | store << 31.
#define REGION_SLOW_STORE BIT(31)

// What the thunk calls.
uint64_t region_slow_access(struct vcpu *cpu, gva_t va, uint64_t desc, uint64_t value, uint64_t *failed);
extern const char region_thunk_access[];

#endif
