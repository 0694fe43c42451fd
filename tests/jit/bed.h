// SPDX-License-Identifier: GPL-3.0-or-later
// What compiled regions are tried on: one A64 CPU at EL0 behind small translation tables, pages of
// code, pages of data that can be made to fault or to be a device, vectors that halt.
//
// A run starts from a struct bed_state with everything else (memory, TLB, system registers,
// counts) as bed_create() left it, so that a region and the interpreter can be given the very same
// start. What a run leaves is a struct bed_end. Everything belongs to the test's thread.
#ifndef TESTS_JIT_BED_H
#define TESTS_JIT_BED_H

#include "frontend/cpu.h"
#include "jit/jit.h"
#include "jit/region.h"

#define BED_CODE       UINT64_C(0x60000000)
#define BED_CODE_PAGES 4u
#define BED_DATA       UINT64_C(0x50000000)
#define BED_DATA_PAGES 16u
#define BED_DATA_SIZE  (BED_DATA_PAGES * PAGE_SIZE)
#define BED_SPARE      2u // physical pages that bed_map_code() may put behind the code
#define BED_DEVICE_PA  UINT64_C(0x09000000)

// What a data page is.
enum bed_page {
    BED_RW,
    BED_NONE, // unmapped
    BED_RO,
    BED_DEVICE,      // RAM, but device memory: misaligned accesses fault
    BED_MMIO,        // a device, mapped as device memory
    BED_MMIO_NORMAL, // a device, mapped as normal memory
    BED_HOLE,        // nothing answers there
    BED_NR_PAGES,
};

// What comes from outside at a device access of a region; always with a request to leave.
enum bed_kick {
    BED_KICK_STOP,  // nothing else: an interrupt
    BED_KICK_TLBI,  // translations are forgotten
    BED_KICK_IC,    // the code may have changed (it has not)
    BED_KICK_WATCH, // data pages are watched from now on
    BED_NR_KICKS,
};

struct bed_state {
    uint64_t x[32]; // SP is x[31]
    uint64_t v[32][2];
    uint32_t nzcv, fpcr, fpsr;
};

struct bed_end {
    uint64_t r[VCPU_NR_R];
    uint64_t v[32][2];
    uint32_t nzcv, fpcr, fpsr;
    uint32_t excl_size;
    uint64_t excl_addr, excl_value[2];
    uint64_t icount, pc;
    uint64_t nr_mmio, mmio_hash;
    uint8_t mem[BED_DATA_SIZE];
};

struct bed {
    struct a64_cpu *cpu;
    struct jit jit;
    struct log log;
    struct a64_board board;
    uint8_t *ram;
    uint8_t seed[BED_DATA_SIZE]; // data memory at the start of a run
    uint64_t clean[VCPU_NR_R];   // registers at the start of a run
    bool align;                  // SCTLR_EL1.A
    uint64_t nr_mmio, mmio_hash; // device accesses of this run: kind, address, size, value
    uint64_t kick_at;            // at this device access of a region comes `kick`; 0: at none
    enum bed_kick kick;
    bool in_region;
};

struct bed *bed_create(void);
void bed_destroy(struct bed *b);

// Writes to the code pages; off in bytes from BED_CODE. The block cache is not told.
uint32_t *bed_code(struct bed *b, unsigned off);
uint8_t *bed_data(struct bed *b, unsigned off); // off from BED_DATA
// Puts a physical page (0 .. BED_CODE_PAGES + BED_SPARE - 1) behind a code page. No TLBI.
void bed_map_code(struct bed *b, unsigned page, unsigned physical);
gpa_t bed_code_pa(unsigned physical);
void bed_map_data(struct bed *b, unsigned page, enum bed_page kind);
void bed_map_all(struct bed *b); // every data page BED_RW

// Makes everything as at the start, and the registers as s says; pc at `off`.
void bed_start(struct bed *b, const struct bed_state *s, unsigned off);
// vcpu.mode of such a start.
uint64_t bed_mode(struct bed *b, const struct bed_state *s);

// Calls a region as region_enter() would, whose recipe has BED_CODE + page0 for its first page.
enum region_result bed_run_region(struct bed *b, region_fn *fn, int64_t page0, uint32_t entry);
// The interpreter to an instruction count. False: it halted or gave up before.
bool bed_interpret(struct bed *b, uint64_t icount);

void bed_end(struct bed *b, struct bed_end *e);
// Do they agree? If not, says where: `want` is the interpreter's.
bool bed_same(const struct bed_end *want, const struct bed_end *got);
void bed_print_state(const struct bed_state *s);

// A random start: X16-X23 and SP point into data pages of their own (aligned to 16, the middle of
// pages 1, 2, ... 9), X24-X27 are small, X28 is `budget`; the others anything.
void bed_random_state(uint64_t *random, struct bed_state *s, unsigned budget);

#endif
