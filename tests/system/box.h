// SPDX-License-Identifier: GPL-3.0-or-later
// A CPU in a box: 16 MiB of RAM, a recording board, nothing else. Programs are arrays of
// instruction words; a WFI ends a run, and the exception vectors are full of them.
#ifndef TESTS_SYSTEM_BOX_H
#define TESTS_SYSTEM_BOX_H

#include "frontend/cpu_models.h"
#include "frontend/sysreg.h"
#include "jit/exec.h"
#include "jit/tlb.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define RAM_BASE   UINT64_C(0x40000000)
#define RAM_SIZE   (16u << 20)
#define CODE       (RAM_BASE + 0x10000) // programs of EL1, or EL0 with the MMU off
#define VECTORS    (RAM_BASE + 0x20000)
#define TABLES     (RAM_BASE + 0x100000) // translation tables from here up
#define DEVICE     UINT64_C(0x09000000)  // the fake device's page
#define PSCI_CALLS 8

// What the board was asked.
struct board_log {
    unsigned offs, resets;
    uint64_t cpu_on[3], affinity[2];
    unsigned icc_reads, icc_writes, last_icc;
    uint64_t last_value;
    unsigned pmu_irqs, pmu_level;
    uint64_t pmu_ns;     // asked for last
    unsigned last_timer; // which << 4 | reg
};

struct box {
    struct jit jit;
    struct a64_cpu *cpu;
    struct a64_board board;
    struct board_log said;
    struct log log;
    uint8_t *ram;
};

void box_init(struct box *b);
void box_init_model(struct box *b, const struct a64_model *model);
void box_fini(struct box *b);

uint64_t *box_word(struct box *b, gpa_t pa); // a 64-bit word of RAM
void box_code(struct box *b, gpa_t pa, const uint32_t *insns, unsigned n);
// From EL1h with everything masked at pc until WFI.
void box_run(struct box *b, gva_t pc);
// One instruction at EL0 or EL1 (MMU off, at CODE), X0 = x0. True if it completed; false if it
// took an exception, which ESR_EL1 then names. X0 holds what it left.
bool box_one(struct box *b, unsigned el, uint32_t insn, uint64_t x0);

// Encodings.
#define INSN_NOP  0xd503201fu
#define INSN_WFI  0xd503207fu
#define INSN_ERET 0xd69f03e0u
#define INSN_SVC(n)  (0xd4000001u | (n) << 5)
#define INSN_BRK(n)  (0xd4200000u | (n) << 5)
#define INSN_MRS(id, rt) (0xd5300000u | ((id) & 0x7fffu) << 5 | (rt))
#define INSN_MSR(id, rt) (0xd5100000u | ((id) & 0x7fffu) << 5 | (rt))
#define INSN_SYS(id, rt) (0xd5080000u | ((id) & 0x3fffu) << 5 | (rt))

static inline uint64_t box_reg(const struct box *b, unsigned slot)
{
    return b->cpu->v.r[slot];
}

static inline unsigned box_ec(const struct box *b)
{
    return (unsigned)(b->cpu->v.r[A64_ESR_EL1] >> 26);
}

#endif
