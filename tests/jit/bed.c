// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/bed.h"

#include "frontend/cpu_models.h"
#include "frontend/cpu_state.h"
#include "jit/exec.h"
#include "jit/fp_host.h"
#include "jit/tb.h"
#include "jit/tlb.h"
#include "tests/diff/diff.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHYS    0x40000000u
#define VECTORS (BED_CODE + 0x100000)

enum {
    L1,
    L2,
    L3_DATA,
    L3_CODE,
    VECTOR_PAGE,
    FIRST_CODE,
    FIRST_DATA = FIRST_CODE + BED_CODE_PAGES + BED_SPARE,
    NR_PAGES = FIRST_DATA + BED_DATA_PAGES,
};

static uint64_t *page(struct bed *b, unsigned n)
{
    return (uint64_t *)(void *)(b->ram + n * PAGE_SIZE);
}

// Tables -----------------------------------------------------------------------------------------

#define PA(n)     (PHYS + (uint64_t)(n)*PAGE_SIZE)
#define TABLE     3u
#define EL0_RW    (3u | 1u << 6 | 3u << 8 | 1u << 10)
#define EL0_RO    (3u | 3u << 6 | 3u << 8 | 1u << 10)
#define AS_DEVICE (1u << 2) // MAIR's second attribute

void bed_map_code(struct bed *b, unsigned n, unsigned physical)
{
    page(b, L3_CODE)[(BED_CODE >> 12 & 511) + n] = bed_code_pa(physical) | EL0_RO;
}

gpa_t bed_code_pa(unsigned physical)
{
    return PA(FIRST_CODE + physical);
}

void bed_map_data(struct bed *b, unsigned n, enum bed_page kind)
{
    gpa_t ram = PA(FIRST_DATA + n), device = BED_DEVICE_PA + n * PAGE_SIZE;
    uint64_t d = 0;
    switch (kind) {
    case BED_RW:
        d = ram | EL0_RW;
        break;
    case BED_RO:
        d = ram | EL0_RO;
        break;
    case BED_DEVICE:
        d = ram | EL0_RW | AS_DEVICE;
        break;
    case BED_MMIO:
        d = device | EL0_RW | AS_DEVICE;
        break;
    case BED_MMIO_NORMAL:
        d = device | EL0_RW;
        break;
    case BED_HOLE:
        d = 0x0b000000u | EL0_RW;
        break;
    default:
        break;
    }
    page(b, L3_DATA)[(BED_DATA >> 12 & 511) + n] = d;
}

void bed_map_all(struct bed *b)
{
    for (unsigned n = 0; n < BED_DATA_PAGES; n++)
        bed_map_data(b, n, BED_RW);
    for (unsigned n = 0; n < BED_CODE_PAGES; n++)
        bed_map_code(b, n, n);
}

static void make_tables(struct bed *b)
{
    page(b, L1)[1] = PA(L2) | TABLE;
    page(b, L2)[BED_DATA >> 21 & 511] = PA(L3_DATA) | TABLE;
    page(b, L2)[BED_CODE >> 21 & 511] = PA(L3_CODE) | TABLE;
    page(b, L3_CODE)[VECTORS >> 12 & 511] = PA(VECTOR_PAGE) | EL0_RO;
    bed_map_all(b);
    for (unsigned n = 0; n < PAGE_SIZE / 4; n++)
        ((uint32_t *)page(b, VECTOR_PAGE))[n] = 0xd503207f; // wfi
}

uint32_t *bed_code(struct bed *b, unsigned off)
{
    return (uint32_t *)(void *)(b->ram + FIRST_CODE * PAGE_SIZE + off);
}

uint8_t *bed_data(struct bed *b, unsigned off)
{
    return b->ram + FIRST_DATA * PAGE_SIZE + off;
}

// The device -------------------------------------------------------------------------------------

static uint64_t mix(uint64_t v)
{
    v = (v ^ v >> 31) * UINT64_C(0xbf58476d1ce4e5b9);
    return v ^ v >> 29;
}

static void kick(struct bed *b)
{
    struct vcpu *v = &b->cpu->v;
    for (unsigned n = 0; b->kick == BED_KICK_IC && n < BED_CODE_PAGES + BED_SPARE; n++)
        tb_suspect_page(&b->jit, bed_code_pa(n));
    for (unsigned n = 0; b->kick == BED_KICK_WATCH && n < BED_DATA_PAGES; n++)
        b->jit.regions[0].page_flags[FIRST_DATA + n] |= PAGE_WATCH;
    if (b->kick == BED_KICK_WATCH || b->kick == BED_KICK_TLBI)
        tlb_forget(v);
    vcpu_kick(v, EXIT_REQ_STOP);
}

static bool mmio(struct bed *b, gpa_t pa, unsigned size, bool write, uint64_t value)
{
    if (pa - BED_DEVICE_PA >= BED_DATA_SIZE)
        return false;
    b->nr_mmio++;
    b->mmio_hash = mix(b->mmio_hash + pa * 16 + size * 2 + write) + mix(value);
    if (b->in_region && b->nr_mmio == b->kick_at)
        kick(b);
    return true;
}

static bool mmio_read(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t *value)
{
    struct bed *b = opaque;
    *value = mix(b->mmio_hash + pa) & mask64(8 * size);
    return mmio(b, pa, size, false, *value);
}

static bool mmio_write(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t value)
{
    return mmio(opaque, pa, size, true, value);
}

// The machine ------------------------------------------------------------------------------------

static uint64_t counter(void *opaque, unsigned cpu, unsigned which)
{
    return 0;
}

struct bed *bed_create(void)
{
    struct bed *b = calloc(1, sizeof *b);
    assert(b);
    b->ram = aligned_alloc(PAGE_SIZE, NR_PAGES * PAGE_SIZE);
    b->cpu = aligned_alloc(64, ALIGN_UP(sizeof *b->cpu, 64));
    assert(b->ram && b->cpu);
    memset(b->ram, 0, NR_PAGES * PAGE_SIZE);
    make_tables(b);
    uint64_t random = 1;
    for (unsigned n = 0; n < BED_DATA_SIZE; n++)
        b->seed[n] = (uint8_t)(diff_random(&random) >> 32);
    jit_init(&b->jit, &a64_guest, &b->log);
    b->jit.phys = (struct phys_ops){.read = mmio_read, .write = mmio_write, .opaque = b};
    jit_add_ram(&b->jit, PHYS, NR_PAGES * PAGE_SIZE, b->ram, false);
    b->board.counter = counter;
    const struct a64_model *model = a64_model_find("max");
    a64_cpu_init(b->cpu, &b->jit, model ? model : &a64_models[0], &b->board, &b->log, 0);
    uint64_t *r = b->cpu->v.r;
    // MMU and caches on; EL0 may use DC ZVA, CTR_EL0 and cache maintenance.
    r[A64_SCTLR_EL1] |= BIT(0) | BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(26);
    r[A64_SCTLR_EL1] &= ~BIT(1);
    r[A64_TTBR0_EL1] = PA(L1);
    r[A64_TCR_EL1] = 25 | 1u << 8 | 1u << 10 | 3u << 12 | 1u << 23 | (uint64_t)2 << 32 | BIT(37);
    r[A64_MAIR_EL1] = 0xff;
    r[A64_VBAR_EL1] = VECTORS;
    r[A64_CPACR_EL1] = 3u << 20;
    memcpy(b->clean, r, sizeof b->clean);
    return b;
}

void bed_destroy(struct bed *b)
{
    jit_fini(&b->jit);
    free(b->cpu);
    free(b->ram);
    free(b);
}

void bed_start(struct bed *b, const struct bed_state *s, unsigned off)
{
    struct a64_cpu *cpu = b->cpu;
    struct vcpu *v = &cpu->v;
    memcpy(b->ram + FIRST_DATA * PAGE_SIZE, b->seed, BED_DATA_SIZE);
    for (unsigned n = 0; b->kick == BED_KICK_WATCH && n < BED_DATA_PAGES; n++)
        b->jit.regions[0].page_flags[FIRST_DATA + n] &= (uint8_t)~PAGE_WATCH;
    memcpy(v->r, b->clean, sizeof v->r);
    memcpy(v->r, s->x, 31 * 8);
    v->r[A64_SP_EL0] = s->x[31];
    v->r[A64_SCTLR_EL1] = (v->r[A64_SCTLR_EL1] & ~BIT(1)) | (b->align ? BIT(1) : 0);
    memcpy(v->v, s->v, sizeof s->v);
    v->nzcv = s->nzcv;
    fp_host_set_fpcr(&v->fp, s->fpcr);
    v->fp.fpsr = s->fpsr;
    v->excl_addr = v->excl_value[0] = v->excl_value[1] = v->excl_size = 0;
    v->icount = 0;
    v->pc = BED_CODE + off;
    v->pc_page = v->pc & PAGE_MASK;
    v->halt = VCPU_EXIT_NONE;
    v->bail = false;
    cpu->el = cpu->spsel = cpu->daif = 0;
    cpu->il = cpu->ss = cpu->exc_recorded = false;
    memset(&cpu->fault, 0, sizeof cpu->fault);
    b->nr_mmio = b->mmio_hash = 0;
    a64_state_settle(cpu);
    v->exit_request = 0;
}

uint64_t bed_mode(struct bed *b, const struct bed_state *s)
{
    bed_start(b, s, 0);
    return b->cpu->v.mode;
}

enum region_result bed_run_region(struct bed *b, region_fn *fn, int64_t page0, uint32_t entry)
{
    struct vcpu *v = &b->cpu->v;
    b->in_region = true;
    fp_host_enter(&v->fp);
    enum region_result r = fn(v, BED_CODE + (uint64_t)page0, entry);
    fp_host_leave(&v->fp);
    b->in_region = false;
    return r;
}

bool bed_interpret(struct bed *b, uint64_t icount)
{
    b->cpu->v.exit_request = 0;
    return exec_run_until(&b->cpu->v, icount) == VCPU_EXIT_NONE;
}

// Ends -------------------------------------------------------------------------------------------

void bed_end(struct bed *b, struct bed_end *e)
{
    const struct vcpu *v = &b->cpu->v;
    memset(e, 0, sizeof *e);
    memcpy(e->r, v->r, sizeof e->r);
    memcpy(e->v, v->v, sizeof e->v);
    e->nzcv = v->nzcv;
    e->fpcr = v->fp.fpcr;
    e->fpsr = v->fp.fpsr;
    e->excl_size = v->excl_size;
    if (v->excl_size) {
        e->excl_addr = v->excl_addr;
        memcpy(e->excl_value, v->excl_value, sizeof e->excl_value);
    }
    e->icount = v->icount;
    e->pc = v->pc;
    e->nr_mmio = b->nr_mmio;
    e->mmio_hash = b->mmio_hash;
    memcpy(e->mem, b->ram + FIRST_DATA * PAGE_SIZE, BED_DATA_SIZE);
}

bool bed_same(const struct bed_end *want, const struct bed_end *got)
{
    if (!memcmp(want, got, sizeof *want))
        return true;
#define WORD(name, field)                                                                          \
    if (want->field != got->field)                                                                 \
        fprintf(stderr, "    %-8s interpreter %" PRIx64 ", region %" PRIx64 "\n", name,            \
                (uint64_t)want->field, (uint64_t)got->field);
    WORD("icount", icount)
    WORD("pc", pc)
    WORD("nzcv", nzcv)
    WORD("fpcr", fpcr)
    WORD("fpsr", fpsr)
    WORD("monitor", excl_size)
    WORD("monitor", excl_addr)
    WORD("monitor", excl_value[0])
    WORD("mmio", nr_mmio)
    WORD("mmio", mmio_hash)
#undef WORD
    for (unsigned n = 0; n < VCPU_NR_R; n++)
        if (want->r[n] != got->r[n])
            fprintf(stderr, "    %-8s interpreter %016" PRIx64 ", region %016" PRIx64 "\n",
                    n < A64_NR_R ? a64_guest.r_names[n] : "?", want->r[n], got->r[n]);
    for (unsigned n = 0; n < 32; n++)
        if (memcmp(want->v[n], got->v[n], 16))
            fprintf(stderr,
                    "    v%-7u interpreter %016" PRIx64 ":%016" PRIx64 ", region %016" PRIx64
                    ":%016" PRIx64 "\n",
                    n, want->v[n][1], want->v[n][0], got->v[n][1], got->v[n][0]);
    unsigned shown = 0;
    for (unsigned n = 0; n < BED_DATA_SIZE && shown < 8; n++)
        if (want->mem[n] != got->mem[n] && shown++ < 8)
            fprintf(stderr, "    data+%x  interpreter %02x, region %02x\n", n, want->mem[n],
                    got->mem[n]);
    return false;
}

void bed_print_state(const struct bed_state *s)
{
    fprintf(stderr, "    start: nzcv %x fpcr %x fpsr %x\n", s->nzcv, s->fpcr, s->fpsr);
    for (unsigned n = 0; n < 32; n++)
        fprintf(stderr, "    x%-2u %016" PRIx64 "  v%-2u %016" PRIx64 ":%016" PRIx64 "\n", n,
                s->x[n], n, s->v[n][1], s->v[n][0]);
}

void bed_random_state(uint64_t *random, struct bed_state *s, unsigned budget)
{
    struct diff_state d;
    diff_random_state(random, &d);
    memcpy(s->x, d.x, sizeof d.x);
    memcpy(s->v, d.v, sizeof s->v);
    s->nzcv = (uint32_t)d.nzcv >> 28;
    s->fpcr = (uint32_t)d.fpcr;
    s->fpsr = (uint32_t)d.fpsr;
    for (unsigned n = 16; n < 24; n++)
        s->x[n] = BED_DATA + (n - 15) * PAGE_SIZE + 0x600 + 16 * (diff_random(random) % 64);
    s->x[31] = BED_DATA + 9 * PAGE_SIZE + 0x600 + 16 * (diff_random(random) % 64);
    for (unsigned n = 24; n < 28; n++)
        s->x[n] = 16 * (diff_random(random) % 8);
    s->x[28] = budget;
}
