// SPDX-License-Identifier: GPL-3.0-or-later
// Random streams. See the header.
//
// Most random instructions would trap: the registers that begin as pointers to the data page are
// kept in mind, and addresses made of them. What depends on its neighbour (an exclusive store on
// its load, BR on the ADR before it) is emitted as a fixed pair into whose middle no branch leads.
#include "stream.h"

#include "a64_random.h"
#include "base/bits.h"
#include "diff.h"
#include "encodings.h"
#include "jit/fp.h"

#include <stdlib.h>
#include <string.h>

#define MSR_NZCV 0xd51b4200u
#define MSR_FPCR 0xd51b4400u
#define MSR_FPSR 0xd51b4420u
#define MRS      BIT(21) // set: the read
#define MOVZ_X   0xd2800000u

struct stream {
    struct diff_case *c;
    uint64_t *random;
    size_t n;          // instructions wanted
    uint32_t pointers; // X registers that point to the data page
    uint32_t fresh;    // of those, what no instruction so far has named
    uint32_t fused;    // no branch may lead to these
    uint32_t branches; // these wait for their targets
    bool fpcr_written;
};

static uint64_t next(void *state)
{
    return diff_random(state);
}

static unsigned below(uint64_t *random, size_t n)
{
    return (unsigned)((diff_random(random) >> 32) % n);
}

// Rows
// --------------------------------------------------------------------------------------------

// Not here: what traps to a kernel (SVC, BRK, WFI at EL0 ...) and system instructions with random
// operands; the bare-metal tests have them.
static const char *const more_rows[] = {
    "adr",   "adrp", "b",        "b_cond",  "cbz",      "tbz",        "br",   "eret",
    "drps",  "hvc",  "smc",      "dcps",    "yield",    "dsb",        "dmb",  "isb",
    "clrex", "sb",   "nop",      "msr",     "mrs",      "stxr",       "ldxr", "stxp",
    "ldxp",  "prfm", "prfm_reg", "ldr_lit", "prfm_lit", "ldr_fp_lit", NULL};

bool stream_has_row(enum a64_op op)
{
    if (!strcmp(a64_feature_names[a64_rows[op].feature], "bf16") ||
        !strcmp(a64_feature_names[a64_rows[op].feature], "i8mm") ||
        !strcmp(a64_rows[op].name, "hint"))
        return false;
    if (diff_in_group(op, more_rows))
        return true;
    for (const struct diff_group *g = diff_groups; g->name; g++)
        if (diff_in_group(op, g->names))
            return true;
    return false;
}

struct rows {
    enum a64_op ops[A64_OP_COUNT];
    size_t n;
};

static const struct rows *rows(void)
{
    static struct rows r; // filled once, before any thread

    if (!r.n)
        for (enum a64_op op = A64_UNALLOCATED + 1; op < A64_OP_COUNT; op++)
            if (stream_has_row(op))
                r.ops[r.n++] = op;
    return &r;
}

size_t stream_nr_rows(void)
{
    return rows()->n;
}

// Emitting
// ----------------------------------------------------------------------------------------

static bool is(enum a64_op op, const char *name)
{
    return !strcmp(a64_rows[op].translate, name);
}

static bool is_load_store(uint32_t insn)
{
    return (insn & 0x0a000000) == 0x08000000;
}

static void put(struct stream *s, uint32_t insn)
{
    s->c->insn[s->c->n++] = insn;
    s->pointers &= ~BIT(insn & 31);
    if (is_load_store(insn))
        s->pointers &= ~(BIT(insn >> 10 & 31) | BIT(insn >> 16 & 31));
    s->fresh &= s->pointers & ~BIT(insn >> 5 & 31);
}

static void put_pair(struct stream *s, uint32_t first, uint32_t second)
{
    put(s, first);
    s->fused |= BIT(s->c->n);
    put(s, second);
}

// One of a set of registers; SP, which may have moved, if there is none.
static unsigned one_of(struct stream *s, uint32_t set)
{
    unsigned reg;

    if (!set)
        return 31;
    do
        reg = below(s->random, 32);
    while (!(set >> reg & 1));
    return reg;
}

// Makes it likely that the address is in the data page.
static uint32_t aim(struct stream *s, enum a64_op op, uint32_t insn)
{
    uint32_t aimed = insn;
    union a64_fields f;

    if (!is_load_store(insn) || below(s->random, 8) == 0)
        return insn;
    if ((insn & 0x3b000000) == 0x18000000) { // literal
        uint32_t at = DIFF_PC + 4 * (uint32_t)s->c->n;
        uint32_t offset = DIFF_DATA + 4 * below(s->random, DIFF_MEM_SIZE / 4) - at;
        return (insn & ~(0x7ffffu << 5)) | (offset >> 2 & 0x7ffff) << 5;
    }
    aimed = (insn & ~(31u << 5)) | one_of(s, s->pointers) << 5;
    if ((insn & 0x3b000000) == 0x39000000) // unsigned offset: small
        aimed &= ~(0x3fu << 16);
    return a64_decode(aimed, &f) == op && diff_comparable(op, aimed, &f) ? aimed : insn;
}

static void emit_system(struct stream *s, enum a64_op op)
{
    unsigned reg = below(s->random, 31);
    uint32_t bits = (uint32_t)diff_random(s->random);

    if (is(op, "mrs")) {
        put(s, (const uint32_t[]){MSR_NZCV, MSR_FPCR, MSR_FPSR}[below(s->random, 3)] | MRS | reg);
        return;
    }
    switch (below(s->random, 4)) {
    case 0:
        put(s, MSR_NZCV | reg);
        break;
    case 1: // only bits that exist
        put_pair(s, MOVZ_X | (bits & (FPSR_MASK & 0xffff)) << 5 | reg, MSR_FPSR | reg);
        break;
    default:
        put_pair(s, MOVZ_X | 1u << 21 | (bits & FPCR_MASK) >> 16 << 5 | reg, MSR_FPCR | reg);
        s->fpcr_written = true;
    }
}

// A load and its store: registers that differ, one address.
static void emit_exclusive(struct stream *s, enum a64_op op)
{
    uint32_t insn = a64_random_encoding(op, next, s->random);
    uint32_t rn = one_of(s, s->pointers), rt = below(s->random, 8), rt2 = 8 + below(s->random, 8);
    uint32_t rs = 16 + below(s->random, 8), shape = insn & 0xffa08000;

    if (!(shape & BIT(21)))
        rt2 = 31;
    if (rn < 31 && (rn == rt || rn == rt2 || rn == rs))
        rn = 31;
    put_pair(s, shape | BIT(22) | 31u << 16 | rt2 << 10 | rn << 5 | rt,
             (shape & ~BIT(22)) | rs << 16 | rt2 << 10 | rn << 5 | below(s->random, 8));
}

static bool is_branch(enum a64_op op)
{
    return is(op, "b") || is(op, "b_cond") || is(op, "cbz") || is(op, "tbz");
}

// Aligned, because the oracle does not fault where armlet, without FEAT_LSE2, must.
static void emit_ldapr(struct stream *s, uint32_t insn)
{
    unsigned rn = one_of(s, s->fresh);

    if (!(s->fresh >> rn & 1))
        return;
    if (rn < 31)
        s->c->in.x[rn] &= ~UINT64_C(15);
    if ((insn & 0x3f000000) == 0x19000000) // LDAPUR, STLUR
        insn &= ~(15u << 12);
    put(s, (insn & ~(31u << 5)) | rn << 5);
}

static void emit(struct stream *s, enum a64_op op)
{
    union a64_fields f;
    uint32_t insn = diff_random_insn(op, &f, s->random);

    if (!insn)
        return;
    if (is(op, "msr") || is(op, "mrs")) {
        emit_system(s, op);
    } else if (!strncmp(a64_rows[op].translate, "stx", 3) ||
               !strncmp(a64_rows[op].translate, "ldx", 3)) {
        emit_exclusive(s, op);
    } else if (is(op, "br")) {
        uint32_t reg = below(s->random, 31);
        s->branches |= BIT(s->c->n);
        put_pair(s, 0x10000000u | reg, (insn & ~(31u << 5)) | reg << 5);
    } else if (is_branch(op)) {
        s->branches |= BIT(s->c->n);
        put(s, insn);
    } else if (is(op, "nop") || is(op, "yield")) {
        put(s, a64_rows[op].value); // never a hint that is pointer authentication
    } else if (is(op, "ldapr") || is(op, "ldapur")) {
        emit_ldapr(s, insn);
    } else if (is(op, "fjcvtzs") && (s->fpcr_written || s->c->in.fpcr & FPCR_FZ)) {
        return; // as diff_oracle_is_wrong() has it, whatever the number will be
    } else if (!diff_oracle_is_wrong(op, &f, &s->c->in)) {
        insn = aim(s, op, insn);
        put(s, insn);
    }
}

// Gives a branch (or the ADR before BR) its target, ahead of it.
static void set_target(struct stream *s, unsigned at)
{
    uint32_t *insn = &s->c->insn[at], distance;

    do
        distance = 1 + below(s->random, s->c->n - at);
    while (s->fused >> (at + distance) & 1);
    if ((*insn & 0x7c000000) == 0x14000000) // B, BL
        *insn = (*insn & ~0x3ffffffu) | distance;
    else if ((*insn & 0x7e000000) == 0x36000000) // TBZ
        *insn = (*insn & ~(0x3fffu << 5)) | distance << 5;
    else // the others, ADR in bytes of which the lowest two bits are elsewhere
        *insn = (*insn & ~(0x7ffffu << 5)) | distance << 5;
}

void stream_random(uint64_t number, uint64_t seed, struct diff_case *c)
{
    uint64_t random =
        (number + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ seed * UINT64_C(0xd1342543de82ef95);
    struct stream s = {.c = c, .random = &random};
    size_t first, slot, tries = 0;

    random = random ? random : 1;
    for (int i = 0; i < 4; i++)
        diff_random(&random);
    memset(c, 0, sizeof(*c));
    diff_random_state(&random, &c->in);
    for (unsigned i = 0; i < 31; i++)
        if (c->in.x[i] - DIFF_DATA < 4096)
            s.pointers |= BIT(i);
    s.pointers |= BIT(31);
    s.fresh = s.pointers;
    s.n = 2 + below(&random, DIFF_MAX_INSNS - 3);
    slot = below(&random, s.n < 4 ? s.n : 4);
    first = below(&random, rows()->n);
    while (c->n < s.n) {
        size_t nr = rows()->n, near = (first + below(&random, 80)) % nr, n = c->n;
        enum a64_op op = rows()->ops[below(&random, 2) ? near : below(&random, nr)];
        bool wanted = n >= slot && slot < s.n;
        if (wanted)
            op = rows()->ops[number % nr];
        // ADR's result may lead to where nothing can be compared: nobody shall use it.
        if ((is(op, "adr") || is(op, "adrp")) && n + 1 < s.n && !wanted)
            continue;
        emit(&s, op);
        if (wanted && (c->n > n || ++tries == 8)) // some cannot be compared in this state
            slot = s.n;
    }
    for (unsigned i = 0; i < c->n; i++)
        if (s.branches >> i & 1)
            set_target(&s, i);
}
