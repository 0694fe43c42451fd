// SPDX-License-Identifier: GPL-3.0-or-later
// What the guest executes: -d exec, -d cpu, and the compact file of --trace-file.
//
// Pages that the filter (-dfilter) has nothing to do with run as ever. The file: "ARMLETTRACE1\n", then
// a record for each run of instructions that follow each other in memory:
//     byte    kind of its beginning (bits 2:0, enum trace_kind), EL (bit 3), CPU (bits 7:4; 15: that and more)
//     varint  only for CPU 15 and above: the number less 15
//     varint  zigzag of (address - address of the CPU's last run) / 4
//     varint  number of instructions
// and one of kind TRACE_OFFSET, whose varint is how far the kernel was from where it was linked, in
// units of 64 KiB, zigzag. A varint is seven bits a byte, the lowest first, the last one below 128.
// scripts/trace-calls makes a tree of calls of it.
#ifndef MACHINE_TRACE_H
#define MACHINE_TRACE_H

#include "machine/machine.h"

enum trace_kind {
    TRACE_JUMP,      // a branch, or the first
    TRACE_CALL,      // BL, BLR
    TRACE_RETURN,    // RET
    TRACE_EXCEPTION, // to the vectors
    TRACE_ERET,
    TRACE_OFFSET,
};

struct trace;

// NULL with err set: the file cannot be written. As the configuration says; nothing runs yet.
struct trace *trace_create(struct machine *m, struct error *err);
void trace_destroy(struct trace *t); // accepts NULL; no vCPU runs
// While no vCPU runs.
void trace_switch(struct trace *t, bool on);
bool trace_is_on(const struct trace *t);
// Did the user ask for something to be traced?
bool trace_has_aim(const struct trace *t);

#endif
