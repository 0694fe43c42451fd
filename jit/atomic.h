// SPDX-License-Identifier: GPL-3.0-or-later
// Accesses that are more than a plain load or store, as functions: those with attributes
// (unprivileged, acquire, release, alignment), exclusives, read-modify-writes, probes.
// All run in the vCPU's thread and set vcpu.bail when the access cannot be done.
#ifndef JIT_ATOMIC_H
#define JIT_ATOMIC_H

#include "jit/ir.h"

// A load or store op with attributes. Its imm: offset or index shift (low half, signed), MEM_*
// (16 bits), slot of d2 (16 bits).
ir_fn *mem_fn(enum ir_op op, bool indexed);

// PROBE. imm: size, MEM_* from bit 32, bit 63 set for writes.
ir_fn atomic_probe;

// ATOMIC, LDX, STX, CASP: the function for this op and size, and the imm it wants.
ir_fn *atomic_fn(const struct ir_insn *i);
uint64_t atomic_imm(const struct ir_insn *i, unsigned d2_slot);

// The same as tables, for engines that reach functions through the vcpu.
extern ir_fn *const mem_fn_table[IR_NR_OPS][2]; // by op and whether indexed
extern ir_fn *const atomic_fn_table[];          // by atomic_fn_index()
unsigned atomic_fn_index(const struct ir_insn *i); // also of PROBE

#endif
