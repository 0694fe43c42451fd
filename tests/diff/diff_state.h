// SPDX-License-Identifier: GPL-3.0-or-later
// What one instruction, or a short sequence, starts from and leaves behind, as both sides of the
// comparison (the oracle under qemu-aarch64, armlet) read and write it. Plain little-endian data,
// the file format too.
#ifndef TESTS_DIFF_STATE_H
#define TESTS_DIFF_STATE_H

#include <stdint.h>

// The data page: at this address on both sides, zero beyond DIFF_MEM_SIZE. Near enough to the code
// for literals.
#define DIFF_DATA     0x5ff80000u
#define DIFF_MEM_SIZE 512u // what is seeded and compared

// The first instruction's address. In DIFF_CODE the two sides hold different things; who loads from
// there (an address made by ADR) cannot be compared, and nobody can store there.
#define DIFF_PC        0x60000200u
#define DIFF_CODE      0x60000000u
#define DIFF_CODE_SIZE 0x20000u

enum diff_status {
    DIFF_RAN,       // and went on with the next instruction
    DIFF_UNDEFINED, // not allocated (SIGILL)
    DIFF_FAULT,     // a data abort (SIGSEGV, SIGBUS)
    DIFF_OTHER,     // any other exception
    DIFF_TOUCHED,   // armlet only: a data abort in DIFF_CODE, the case says nothing
};

struct diff_state {
    uint64_t x[31], sp;
    uint64_t v[32][2];
    uint64_t nzcv; // bits 31..28
    uint64_t fpcr, fpsr;
    uint64_t status; // enum diff_status; after
    uint64_t at;     // the index of the instruction that trapped, n if none did; after
    uint8_t mem[DIFF_MEM_SIZE];
};

#define DIFF_MAX_INSNS 16

struct diff_case {
    uint32_t insn[DIFF_MAX_INSNS]; // branches lead forward, at most behind the last
    uint64_t n;
    struct diff_state in;
};

#endif
