// SPDX-License-Identifier: GPL-3.0-or-later
// Who called what a CPU executes: the frame records of the Arm procedure call standard (X29), and
// Linux's way from an exception back to what it has interrupted, user space included.
//
// Where Linux takes an exception it keeps the registers in a struct pt_regs with a frame record in it
// (arch/arm64/include/asm/ptrace.h). Such a record is known by what stands around it: PC and X29 of
// the registers are the record's own, or the record is empty (from EL0; Linux 6.13 and later: always)
// and the registers are such as an exception leaves. No symbols are needed.
//
// All that is read is the guest's and may be anything; only RAM is read.
#ifndef MACHINE_BACKTRACE_H
#define MACHINE_BACKTRACE_H

#include "machine/machine.h"

#define BACKTRACE_MAX 64

struct backtrace_frame {
    uint64_t pc;      // of the next instruction, or of the call
    bool interrupted; // by an exception that led to the frame before
    bool user;        // at EL0
};

// The innermost frame first; returns how many, at least 1. In the CPU's thread or while it stands still.
unsigned backtrace(struct machine *m, const struct a64_cpu *cpu, struct backtrace_frame frames[BACKTRACE_MAX]);

// An aligned word of RAM by virtual address, whatever its permissions; false: there is none.
bool backtrace_word(struct machine *m, const struct a64_cpu *cpu, uint64_t va, uint64_t *word);

#endif
