// SPDX-License-Identifier: GPL-3.0-or-later
// What a compiled region asks when it does not know a page: thunks that preserve every register, so
// that the fast path spills nothing.
//
// A thunk's contract. In: rdi the vcpu, rax the guest address, edx bytes | MEM_* << 8; for a store
// what it writes is in vcpu.xfer. Out: rax what to add to the guest address for a host address where
// the access may be made, rcx the guest page that was found there (or vcpu.no_page: do not
// remember it), rdx zero; or rdx not zero: nothing has happened and a fault is recorded. Everything else is preserved; flags are not.
//
// What is not plain RAM is done here: a load then finds its bytes, and a store's go nowhere, at
// vcpu.xfer.
//
// region_thunk_vec does a vector op's function: rdi the vcpu, rax its place in ir_vec_fn[][], rdx
// the immediate; operands a, b, c and the result are in the engine's own temporaries, the first
// three and the fourth. rax and rdx are lost.
#ifndef JIT_REGION_SLOW_H
#define JIT_REGION_SLOW_H

#include "jit/vcpu.h"

// A page that no guest has, for vcpu.no_page: it can be valid for none, since bits 55 and 54 differ,
// and is drawn by lot, since an access to the very page would be taken for a hit and be made at no
// address of ours.
uint64_t region_no_page(void);

uint64_t region_slow_access(struct vcpu *cpu, gva_t va, uint64_t desc, bool store, uint64_t out[2]);
void region_slow_vec(struct vcpu *cpu, uint64_t which, uint64_t imm);
void region_thunk_vec(void);
void region_thunk_load(void); // not to be called from C
void region_thunk_store(void);
#endif
