// SPDX-License-Identifier: GPL-3.0-or-later
// Armlet's side: a CPU at EL0 behind a small page table, an instruction followed by SVC, and
// exception vectors that halt.
//
// Physical memory: the data page, the code page, the three levels of translation tables.
#include "diff.h"

#include "base/bits.h"
#include "frontend/cpu.h"
#include "frontend/cpu_models.h"
#include "jit/exec.h"
#include "jit/fp_host.h"
#include "jit/tlb.h"
#include "tests/support/engine.h"

#include <stdlib.h>
#include <string.h>

#define PHYS    0x40000000u
#define CODE_VA (DIFF_PC & PAGE_MASK)

enum { DATA, CODE, L1, L2, L3_DATA, L3_CODE, NR_PAGES };

struct side {
    struct jit jit;
    struct a64_cpu *cpu;
    struct log log;
    uint8_t *ram;
};

static uint64_t counter(void *opaque, unsigned cpu, unsigned which)
{
    return 0;
}

static const struct a64_board board = {.counter = counter};

static uint64_t *page(struct side *s, unsigned n)
{
    return (uint64_t *)(s->ram + n * PAGE_SIZE);
}

// Normal memory, inner shareable, accessed, for EL0.
#define DESCRIPTOR(n, flags) ((PHYS + (uint64_t)(n)*PAGE_SIZE) | (flags))
#define TABLE                3u
#define PAGE_RW              (3u | 1u << 6 | 3u << 8 | 1u << 10)

static void make_tables(struct side *s)
{
    // 39-bit addresses: level 1 by gigabytes, both pages in the second.
    page(s, L1)[1] = DESCRIPTOR(L2, TABLE);
    page(s, L2)[DIFF_DATA >> 21 & 511] = DESCRIPTOR(L3_DATA, TABLE);
    page(s, L2)[CODE_VA >> 21 & 511] = DESCRIPTOR(L3_CODE, TABLE);
    page(s, L3_DATA)[DIFF_DATA >> 12 & 511] = DESCRIPTOR(DATA, PAGE_RW);
    // The code is for execution only.
    page(s, L3_CODE)[CODE_VA >> 12 & 511] = DESCRIPTOR(CODE, (PAGE_RW & ~(1u << 6)) | 1u << 7);
}

static void make_code(struct side *s)
{
    uint32_t *code = (uint32_t *)page(s, CODE);

    for (unsigned i = 0; i < 16; i++)
        code[512 + 32 * i] = 0xd503207f; // wfi
}

static struct side *side_create(void)
{
    struct side *s = calloc(1, sizeof(*s));

    s->ram = aligned_alloc(PAGE_SIZE, NR_PAGES * PAGE_SIZE);
    memset(s->ram, 0, NR_PAGES * PAGE_SIZE);
    make_tables(s);
    make_code(s);
    jit_init(&s->jit, &a64_guest, &s->log);
    engine_init(&s->jit);
    jit_add_ram(&s->jit, PHYS, NR_PAGES * PAGE_SIZE, s->ram, false);
    s->cpu = aligned_alloc(64, ALIGN_UP(sizeof(*s->cpu), 64));
    a64_cpu_init(s->cpu, &s->jit, a64_model_find("max") ? a64_model_find("max") : &a64_models[0],
                 &board, &s->log, 0);
    return s;
}

static void side_destroy(struct side *s)
{
    engine_fini(&s->jit);
    free(s->cpu);
    free(s->ram);
    free(s);
}

static void load_state(struct side *s, const struct diff_case *c)
{
    struct vcpu *v = &s->cpu->v;
    const struct diff_state *in = &c->in;
    uint32_t *code = (uint32_t *)page(s, CODE) + DIFF_PC % PAGE_SIZE / 4;

    memset(page(s, DATA), 0, PAGE_SIZE);
    memcpy(page(s, DATA), in->mem, DIFF_MEM_SIZE);
    memcpy(code, c->insn, c->n * 4);
    code[c->n] = 0xd4000001; // svc #0
    jit_ram_written(&s->jit, PHYS + CODE * PAGE_SIZE, PAGE_SIZE);
    // MMU and caches on; EL0 may use DC ZVA, CTR_EL0 and cache maintenance; SP need not be aligned.
    v->r[A64_SCTLR_EL1] |= BIT(0) | BIT(2) | BIT(12) | BIT(14) | BIT(15) | BIT(26);
    v->r[A64_SCTLR_EL1] &= ~BIT(4);
    v->r[A64_TTBR0_EL1] = PHYS + L1 * PAGE_SIZE;
    v->r[A64_TCR_EL1] = 25 | 1u << 8 | 1u << 10 | 3u << 12 | 1u << 23 | (uint64_t)2 << 32 | BIT(37);
    v->r[A64_MAIR_EL1] = 0xff;
    v->r[A64_VBAR_EL1] = CODE_VA + 2048;
    v->r[A64_CPACR_EL1] = 3u << 20;
    for (unsigned i = 0; i < 31; i++)
        v->r[i] = in->x[i];
    v->r[A64_SP_EL0] = in->sp;
    memcpy(v->v, in->v, sizeof(in->v));
    v->nzcv = (uint32_t)in->nzcv >> 28;
    fp_host_set_fpcr(&v->fp, (uint32_t)in->fpcr);
    v->fp.fpsr = (uint32_t)in->fpsr;
    v->pc = DIFF_PC;
    s->cpu->el = 0;
    s->cpu->spsel = 0;
    s->cpu->daif = 0;
    s->cpu->il = false;
    a64_update_mode(s->cpu);
}

static bool in_code(uint64_t address)
{
    return (address & mask64(56)) - DIFF_CODE < DIFF_CODE_SIZE;
}

static void store_state(struct side *s, const struct diff_case *c, struct diff_state *out)
{
    struct vcpu *v = &s->cpu->v;

    for (unsigned i = 0; i < 31; i++)
        out->x[i] = v->r[i];
    out->sp = v->r[A64_SP_EL0];
    memcpy(out->v, v->v, sizeof(out->v));
    out->nzcv = v->r[A64_SPSR_EL1] & 0xf0000000u;
    out->fpcr = v->fp.fpcr;
    out->fpsr = v->fp.fpsr;
    switch (v->r[A64_ESR_EL1] >> 26) {
    case EC_SVC64:
        out->status = DIFF_RAN;
        break;
    case EC_UNKNOWN:
        out->status = DIFF_UNDEFINED;
        break;
    case EC_DABT_LOWER:
        out->status = in_code(v->r[A64_FAR_EL1]) ? DIFF_TOUCHED : DIFF_FAULT;
        break;
    default:
        out->status = DIFF_OTHER;
    }
    out->at = out->status == DIFF_RAN ? c->n : (v->r[A64_ELR_EL1] - DIFF_PC) / 4;
    memcpy(out->mem, page(s, DATA), DIFF_MEM_SIZE);
}

void diff_run_armlet(const struct diff_case *cases, size_t n, struct diff_state *out)
{
    diff_run_engine(cases, n, out, NULL, NULL);
}

void diff_run_engine(const struct diff_case *cases, size_t n, struct diff_state *out,
                     diff_engine *engine, void *opaque)
{
    struct side *s = side_create();

    for (size_t i = 0; i < n; i++) {
        load_state(s, &cases[i]);
        if (engine)
            engine(opaque, i, &s->cpu->v, (const uint8_t *)page(s, CODE));
        exec_run(&s->cpu->v);
        store_state(s, &cases[i], &out[i]);
    }
    side_destroy(s);
}
