// SPDX-License-Identifier: GPL-3.0-or-later
// Random guest programs for regions: rows of the decode tables, in straight lines and in graphs of
// blocks with every sort of branch.
//
// Who uses which register, so that most accesses of a random program hit: X0-X15 and the vector
// registers are anybody's, X16-X23 and SP are bases (write-back changes them by little), X24-X27
// indices, X28 counts the blocks left, X29 and X30 are branches'.
#ifndef TESTS_JIT_PROGRAM_H
#define TESTS_JIT_PROGRAM_H

#include "tests/jit/batch.h"
#include "tests/jit/bed.h"

struct program {
    uint32_t code[BED_CODE_PAGES * PAGE_SIZE / 4];
    struct batch_roots roots;
};

// What random instructions are made of.
enum program_mix {
    PROGRAM_INTEGER = 1,
    PROGRAM_MEMORY = 2,
    PROGRAM_FP = 4,    // and vectors
    PROGRAM_FLAGS = 8, // mostly flag setters and their users
    PROGRAM_ALL = 7,
};

// A random instruction of the mix.
uint32_t program_insn(uint64_t *random, unsigned mix);
// The rows of a mix, in order; for tests that want each.
unsigned program_rows(unsigned mix, uint16_t *rows, unsigned max);
// A random instruction of this row; 0: none that can be compared.
uint32_t program_row(uint64_t *random, unsigned row);

// n instructions in a line, then SVC.
void program_straight(struct program *p, uint64_t *random, unsigned n, unsigned mix);
// nr_blocks blocks over nr_pages pages that go to each other: X28 counts down, at 0 it ends.
void program_graph(struct program *p, uint64_t *random, unsigned nr_blocks, unsigned nr_pages,
                   unsigned mix);

#define INSN_SVC 0xd4000001u
#define INSN_NOP 0xd503201fu

#endif
