// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/program.h"

#include "frontend/a64_decode.h"
#include "frontend/a64_random.h"
#include "tests/diff/diff.h"

#include <assert.h>
#include <string.h>

static uint64_t next(void *state)
{
    return diff_random(state);
}

static unsigned below(uint64_t *random, unsigned n)
{
    return (unsigned)((diff_random(random) >> 32) % n);
}

// name matches one of the patterns; a pattern that ends with * stands for all that begin so.
static bool among(const char *name, const char *const *patterns)
{
    for (; *patterns; patterns++) {
        size_t n = strlen(*patterns);
        if ((*patterns)[n - 1] == '*' ? !strncmp(name, *patterns, n - 1) : !strcmp(name, *patterns))
            return true;
    }
    return false;
}

// By translate function.
// clang-format off
static const char *const integer[] = {
    "adr", "adrp", "addsub_*", "logical_*", "movwide", "bitfield", "extr", "div", "shiftv", "dp1", "rmif",
    "setf", "flagm", "ccmp_*", "csel", "madd", "maddl", "mulh", "cfinv", "xaflag", "axflag", "crc32", NULL };
// clang-format on
// clang-format off
static const char *const memory[] = {
    "ldst_*", "ldr_lit", "ldr_fp_lit", "ldar", "ldapr", "ldapur", "cas", "casp", "atomic", "swp", "ld_multi", "ld_single",
    "ld_repl", "ldxr", "ldxp", "stxr", "stxp", "clrex", "dmb", "prfm*", NULL };
// clang-format on
// clang-format off
static const char *const fp[] = {
    "fcvt*", "fjcvtzs", "cvtf_*", "fmov_*", "fp_dp*", "fcmp", "fccmp", "fcsel", "simd_*", "scalar_*", "fcmla_*",
    "fcadd_v", "pmull", "aes", "sha*", NULL };
// clang-format on
// clang-format off
static const char *const flags[] = {
    "addsub_*", "logical_*", "ccmp_*", "csel", "setf", "rmif", "cfinv", "fcmp", "fccmp", "fcsel", NULL };
// clang-format on

static bool in_mix(unsigned row, unsigned mix)
{
    const char *fn = a64_rows[row].translate;
    static const char *const absent[] = {"bf*", "simd_mmla", NULL};
    if (among(fn, absent))
        return false;
    return (mix & PROGRAM_INTEGER && among(fn, integer)) ||
           (mix & PROGRAM_MEMORY && among(fn, memory)) || (mix & PROGRAM_FP && among(fn, fp)) ||
           (mix & PROGRAM_FLAGS && among(fn, flags));
}

unsigned program_rows(unsigned mix, uint16_t *rows, unsigned max)
{
    unsigned n = 0;
    for (unsigned op = A64_UNALLOCATED + 1; op < A64_OP_COUNT && n < max; op++)
        if (in_mix(op, mix))
            rows[n++] = (uint16_t)op;
    return n;
}

// Destinations that are general registers.
// clang-format off
static const char *const to_integer[] = {
    "adr", "adrp", "addsub_*", "logical_*", "movwide", "bitfield", "extr", "div", "shiftv", "dp1", "csel", "madd",
    "maddl", "mulh", "crc32", "fcvt_int", "fmov_from_gen", "fmov_top_to_gen", "fcvtz_fixed", "fjcvtzs", "simd_mov_to_gen",
    "fmov_*", NULL };
// clang-format on

static uint32_t field(uint32_t insn, unsigned at, unsigned value)
{
    return (insn & ~(31u << at)) | value << at;
}

// The registers by their uses.
static uint32_t remap(uint32_t insn, unsigned op, uint64_t *random)
{
    const char *fn = a64_rows[op].translate, *format = a64_rows[op].format;
    if (!among(fn, memory)) {
        bool sp = (insn & 31) == 31 && strncmp(a64_rows[op].name, "adds", 4) &&
                  strncmp(a64_rows[op].name, "subs", 4) && strncmp(a64_rows[op].name, "ands", 4) &&
                  strncmp(a64_rows[op].name, "bics", 4);
        return among(fn, to_integer) && ((insn & 31) != 31 || sp) ? field(insn, 0, insn & 15)
                                                                  : insn;
    }
    if (!strncmp(format, "barrier", 7) || !strncmp(format, "ldst_lit", 8))
        return strcmp(fn, "ldr_lit") ? insn : field(insn, 0, insn & 15);
    static const char *const indexed[] = {"ldst_reg", "ldst_fp_reg", "prfm_reg", NULL};
    static const char *const structure[] = {"ld_multi", "ld_single", "ld_repl", NULL};
    static const char *const with_status[] = {"stxr", "stxp", "cas", "casp", "atomic", "swp", NULL};
    static const char *const pair[] = {"ldst_pair", "ldxp", "stxp", NULL};
    bool vector = !strncmp(fn, "ldst_fp", 7) || among(fn, structure);
    insn = field(insn, 5, below(random, 8) ? 16 + (insn >> 5 & 7) : 31);
    if (!vector && strncmp(fn, "prfm", 4))
        insn = field(insn, 0, insn & 15);
    if (among(fn, indexed) || (among(fn, structure) && insn >> 23 & 1 && (insn >> 16 & 31) != 31))
        insn = field(insn, 16, 24 + (insn >> 16 & 3));
    if (among(fn, with_status))
        insn = field(insn, 16, insn >> 16 & 15);
    if (among(fn, pair))
        insn = field(insn, 10, insn >> 10 & 15);
    return insn;
}

// The result is a choice of the implementation.
static bool unpredictable(uint32_t insn, unsigned op)
{
    const char *fn = a64_rows[op].translate;
    unsigned rt = insn & 31, rt2 = insn >> 10 & 31, rs = insn >> 16 & 31;
    bool load = insn >> 22 & 1;
    if (!strcmp(fn, "ldst_pair") || !strcmp(fn, "ldst_fp_pair") || !strcmp(fn, "ldxp"))
        return load && rt == rt2;
    if (!strcmp(fn, "stxr"))
        return rs == rt;
    if (!strcmp(fn, "stxp"))
        return rs == rt || rs == rt2;
    return false;
}

uint32_t program_row(uint64_t *random, unsigned row)
{
    union a64_fields f;
    for (unsigned tries = 0; tries < 8; tries++) {
        uint32_t insn = remap(a64_random_encoding((enum a64_op)row, next, random), row, random);
        const char *feature = a64_feature_names[a64_needs((enum a64_op)row, insn)];
        if (a64_decode(insn, &f) == row && strcmp(feature, "bf16") && strcmp(feature, "i8mm") &&
            !unpredictable(insn, row))
            return insn;
    }
    return 0;
}

// System instructions that regions do not end at.
static uint32_t system_insn(uint64_t *random, unsigned mix)
{
    unsigned rt = below(random, 16);
    switch (below(random, 4)) {
    case 0:
        return 0xd53b4200u | rt; // mrs nzcv
    case 1:
        return 0xd51b4200u | rt; // msr nzcv
    case 2:
        return mix & PROGRAM_FP ? 0xd53b4420u | rt : INSN_NOP; // mrs fpsr
    default:
        return mix & PROGRAM_MEMORY ? 0xd50b7420u | (16 + rt % 8) : INSN_NOP; // dc zva
    }
}

uint32_t program_insn(uint64_t *random, unsigned mix)
{
    if (!below(random, 24))
        return system_insn(random, mix);
    for (;;) {
        // A family first, so that the many vector rows do not crowd out the others.
        unsigned one = mix & (1u << below(random, 4));
        unsigned row = A64_UNALLOCATED + 1 + below(random, A64_OP_COUNT - A64_UNALLOCATED - 1);
        uint32_t insn;
        if (!one)
            continue;
        while (!in_mix(row, one))
            row = A64_UNALLOCATED + 1 + below(random, A64_OP_COUNT - A64_UNALLOCATED - 1);
        insn = program_row(random, row);
        if (insn)
            return insn;
    }
}

void program_straight(struct program *p, uint64_t *random, unsigned n, unsigned mix)
{
    // Anywhere in the page, so that lines may come to its end.
    unsigned at = below(random, PAGE_SIZE / 4 - 2 * n - 2);
    memset(p, 0, sizeof *p);
    p->roots = (struct batch_roots){.entries = {4 * at}, .nr_entries = 1, .end = PAGE_SIZE};
    for (unsigned k = 0; k < n; k++)
        p->code[at++] = program_insn(random, mix);
    p->code[at] = INSN_SVC;
}

// Graphs -----------------------------------------------------------------------------------------

#define MAX_BLOCKS 24

struct fixup {
    unsigned at, block; // word; label it goes to
};

struct graph {
    struct program *p;
    uint64_t *random;
    unsigned mix, nr_blocks, nr_pages;
    unsigned cursor[BED_CODE_PAGES]; // in words, the next free one of each page
    unsigned at;
    unsigned label[MAX_BLOCKS + 2]; // words; then the two ends
    bool returns[MAX_BLOCKS];       // a function: ends with RET
    struct fixup fixups[4 * MAX_BLOCKS];
    unsigned nr_fixups;
    unsigned stop, outside; // labels of the ends
};

static void emit(struct graph *g, uint32_t insn)
{
    g->p->code[g->at++] = insn;
}

static void emit_to(struct graph *g, uint32_t insn, unsigned block)
{
    g->fixups[g->nr_fixups++] = (struct fixup){g->at, block};
    emit(g, insn);
}

static void fix(struct graph *g, const struct fixup *x)
{
    uint32_t *insn = &g->p->code[x->at];
    int32_t words = (int32_t)g->label[x->block] - (int32_t)x->at;
    if ((*insn & 0x1f000000) == 0x10000000) // ADR: words * 4, the two low bits are zero
        *insn |= ((uint32_t)words & 0x7ffff) << 5;
    else if ((*insn & 0x7c000000) == 0x14000000) // B, BL
        *insn |= (uint32_t)words & 0x3ffffff;
    else if ((*insn & 0x7e000000) == 0x36000000) // TBZ, TBNZ
        *insn |= ((uint32_t)words & 0x3fff) << 5;
    else
        *insn |= ((uint32_t)words & 0x7ffff) << 5;
}

static unsigned any_block(struct graph *g)
{
    unsigned n = below(g->random, g->nr_blocks + 2);
    while (n < g->nr_blocks && g->returns[n])
        n = below(g->random, g->nr_blocks + 2);
    return n < g->nr_blocks + 1 ? n : below(g->random, 4) ? 0 : g->outside;
}

// A conditional branch somewhere; no TBZ across pages' worth of distance is too far.
static uint32_t conditional(struct graph *g)
{
    uint64_t *random = g->random;
    unsigned rt = below(random, 16),
             kind = below(random, 4) && g->mix & PROGRAM_FLAGS ? 0 : below(random, 4);
    switch (kind) {
    case 1:
        return 0x34000000u | below(random, 2) << 31 | below(random, 2) << 24 | rt;
    case 2:
        return 0x36000000u | below(random, 2) << 31 | below(random, 2) << 24 |
               below(random, 32) << 19 | rt;
    default:
        return 0x54000000u | below(random, 14);
    }
}

static void terminate(struct graph *g, unsigned n)
{
    uint64_t *random = g->random;
    unsigned call = below(random, g->nr_blocks), to;
    if (g->returns[n]) {
        emit(g, 0xd65f03c0); // ret
        return;
    }
    switch (below(random, 8)) {
    case 0:
        emit_to(g, 0x14000000, any_block(g));
        return;
    case 1: // adr x29, block; br x29
        to = any_block(g);
        if (g->p->roots.nr_indirect < 24 && below(random, 4))
            g->p->roots.indirect[g->p->roots.nr_indirect++] = to; // a label, still
        emit_to(g, 0x10000000 | 29, to);
        emit(g, 0xd61f03a0);
        return;
    case 2:
    case 3:
        while (call < g->nr_blocks && !g->returns[call])
            call++;
        if (call < g->nr_blocks) {
            emit_to(g, 0x94000000, call);
            if (g->p->roots.nr_indirect < 24 && below(random, 4))
                g->p->roots.indirect[g->p->roots.nr_indirect++] = BIT(31) | 4 * g->at; // an offset
            emit_to(g, 0x14000000, any_block(g));
            return;
        }
        // fallthrough
    default:
        emit_to(g, conditional(g), any_block(g));
        if (below(random, 2))
            emit_to(g, conditional(g), any_block(g));
        emit_to(g, 0x14000000, any_block(g));
    }
}

static void body(struct graph *g)
{
    for (unsigned k = below(g->random, 7); k > 0; k--)
        emit(g, program_insn(g->random, g->mix));
}

static void block(struct graph *g, unsigned n)
{
    unsigned page = below(g->random, g->nr_pages);
    g->at = page * (PAGE_SIZE / 4) + g->cursor[page];
    g->label[n] = g->at;
    body(g);
    if (below(g->random, 2)) {           // with the flags untouched, or not
        emit(g, 0xd100079c);             // sub x28, x28, #1
        emit_to(g, 0xb400001c, g->stop); // cbz x28, stop
    } else {
        emit(g, 0xf100079c);             // subs x28, x28, #1
        emit_to(g, 0x54000000, g->stop); // b.eq stop
    }
    if (below(g->random, 2))
        body(g);
    terminate(g, n);
    g->cursor[page] = g->at % (PAGE_SIZE / 4) + below(g->random, 4);
}

void program_graph(struct program *p, uint64_t *random, unsigned nr_blocks, unsigned nr_pages,
                   unsigned mix)
{
    struct graph g = {.p = p,
                      .random = random,
                      .mix = mix,
                      .nr_blocks = nr_blocks,
                      .nr_pages = nr_pages,
                      .stop = nr_blocks,
                      .outside = nr_blocks + 1};
    assert(nr_blocks <= MAX_BLOCKS && nr_pages < BED_CODE_PAGES);
    memset(p, 0, sizeof *p);
    p->roots.end = nr_pages * PAGE_SIZE;
    for (unsigned n = 0; n < nr_pages; n++)
        g.cursor[n] = below(random, 512);
    for (unsigned n = 1; n < nr_blocks; n++)
        g.returns[n] = !below(random, 5);
    for (unsigned n = 0; n < nr_blocks; n++)
        block(&g, n);
    g.label[g.stop] = (nr_pages - 1) * (PAGE_SIZE / 4) + g.cursor[nr_pages - 1];
    p->code[g.label[g.stop]] = INSN_SVC;
    g.label[g.outside] = nr_pages * (PAGE_SIZE / 4) + 16;
    p->code[g.label[g.outside]] = INSN_SVC;
    for (unsigned n = 0; n < g.nr_fixups; n++)
        fix(&g, &g.fixups[n]);
    struct batch_roots *r = &p->roots;
    for (unsigned n = 0; n < r->nr_indirect; n++)
        r->indirect[n] =
            r->indirect[n] >> 31 ? r->indirect[n] & 0x7fffffff : 4 * g.label[r->indirect[n]];
    r->nr_entries = 1 + below(random, 4);
    for (unsigned n = 0; n < r->nr_entries; n++)
        r->entries[n] = 4 * g.label[n ? below(random, nr_blocks) : 0];
}
