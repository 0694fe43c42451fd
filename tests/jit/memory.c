// SPDX-License-Identifier: GPL-3.0-or-later
// Loads and stores: every row in every form, wherever an access can lie, and the bail-out rule.
//
// Each access runs as the second instruction of a block whose first sets flags and counts and whose
// third does too, so that every fault is checked to be exact: what came before happened once, what
// comes after did not, and the access itself left no trace.
#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct row {
    enum ir_op op;
    const char *name;
    unsigned size, elements, ext; // bytes of an element, their number, bytes it is extended to
    bool load, vec, sign;
};

static const struct row rows[] = {
#define ROW(name, size, elements, ext, load, vec, sign)                                            \
    {IR_##name, #name, size, elements, ext, load, vec, sign},
#define IR_LOAD(name, MT, XT)   ROW(name, sizeof(MT), 1, sizeof(XT), true, false, (MT)-1 < (MT)1)
#define IR_STORE(name, MT)      ROW(name, sizeof(MT), 1, 0, false, false, false)
#define IR_LOADP(name, MT)      ROW(name, sizeof(MT), 2, 8, true, false, false)
#define IR_STOREP(name, MT)     ROW(name, sizeof(MT), 2, 0, false, false, false)
#define IR_LOADV(name, bytes)   ROW(name, bytes, 1, 16, true, true, false)
#define IR_STOREV(name, bytes)  ROW(name, bytes, 1, 0, false, true, false)
#define IR_LOADVP(name, bytes)  ROW(name, bytes, 2, 16, true, true, false)
#define IR_STOREVP(name, bytes) ROW(name, bytes, 2, 0, false, true, false)
#include "jit/ir_ops.def"
};

enum { BASE = 1, INDEX = 2, D = 10, D2 = 11, BEFORE = 20, AFTER = 21 };
enum { OP_ACCESS = 1, OP_BEFORE, OP_AFTER };

struct access {
    const struct row *row;
    unsigned attr;
    bool indexed;
    uint64_t imm;
    unsigned d, d2, base;
};

#define WINDOW UINT64_C(0x1000000000) // three pages, each mapped to a page of its own
#define EDGE   (WINDOW + PAGE_SIZE)
#define PA0    (TOY_DATA + 0 * PAGE_SIZE)
#define PA1    (TOY_DATA + 5 * PAGE_SIZE)
#define PA2    (TOY_DATA + 2 * PAGE_SIZE)

struct bench {
    struct toy *t;
    struct access accesses[1024];
    unsigned nr;
    // Before and after the last run.
    struct vcpu *was;
    uint8_t bytes[3][PAGE_SIZE];
};

static void emit_access(struct toy *t, struct ir *ir, uint32_t arg)
{
    const struct bench *b = t->user;
    const struct access *x = &b->accesses[arg];
    const struct row *r = x->row;
    ir_val v = r->vec ? ir_v(x->d) : ir_r(x->d);
    ir_val v2 = r->elements == 1 ? IR_NONE : r->vec ? ir_v(x->d2) : ir_r(x->d2);
    ir_val index = x->indexed ? ir_r(INDEX) : IR_NONE;
    if (r->load)
        ir_load(ir, r->op, x->attr, v, v2, ir_r(x->base), index, x->imm);
    else
        ir_store(ir, r->op, x->attr, v, v2, ir_r(x->base), index, x->imm);
}

static void emit_before(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_ADDS(ir, IR_I64, ir_r(BEFORE), ir_r(BEFORE), ir_const(ir, 1));
}

static void emit_after(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_SUBS(ir, IR_I64, ir_r(AFTER), ir_r(AFTER), ir_const(ir, 1));
}

static struct bench *bench_create(void)
{
    struct bench *b = calloc(1, sizeof *b);
    b->was = malloc(sizeof *b->was);
    struct toy *t = b->t = toy_create();
    t->user = b;
    t->emit[OP_ACCESS] = emit_access;
    t->emit[OP_BEFORE] = emit_before;
    t->emit[OP_AFTER] = emit_after;
    toy_map(t, WINDOW, PA0, PAGE_BITS, TOY_ALL);
    toy_map(t, WINDOW + PAGE_SIZE, PA1, PAGE_BITS, TOY_ALL);
    toy_map(t, WINDOW + 2 * PAGE_SIZE, PA2, PAGE_BITS, TOY_ALL);
    return b;
}

static void bench_destroy(struct bench *b)
{
    toy_destroy(b->t);
    free(b->was);
    free(b);
}

// Puts the access into code; its program's address.
static gva_t program(struct bench *b, struct access x)
{
    if (!x.d)
        x.d = D;
    if (!x.d2)
        x.d2 = D2;
    if (!x.base)
        x.base = BASE;
    cr_assert(b->nr < ARRAY_SIZE(b->accesses));
    gva_t pc = TOY_CODE + 16 * b->nr;
    TOY_CODE_AT(b->t, pc, toy_word(OP_BEFORE, 0), toy_word(OP_ACCESS, b->nr), toy_word(OP_AFTER, 0),
                0);
    b->accesses[b->nr++] = x;
    return pc;
}

static uint8_t *page_bytes(struct bench *b, unsigned n)
{
    static const gpa_t pas[] = {PA0, PA1, PA2};
    return toy_host(b->t, pas[n]);
}

static const struct access *access_at(const struct bench *b, gva_t pc)
{
    return &b->accesses[(pc - TOY_CODE) / 16];
}

// Runs the program with its access at va; false if it faulted. Checks that all else is exact.
static bool run(struct bench *b, gva_t pc, gva_t va)
{
    struct vcpu *cpu = &b->t->cpu;
    const struct access *x = access_at(b, pc);
    for (unsigned n = 0; n < 64; n++)
        cpu->r[n] = UINT64_C(0xa5a5000000000000) + n * 0x0101010101010101;
    for (unsigned n = 0; n < 32; n++)
        toy_pattern(cpu->v[n].u8, 16, n);
    cpu->r[INDEX] = x->indexed ? 0x77 : 0xbad;
    cpu->r[x->base] = va - (x->indexed ? UINT64_C(0x77) << x->imm : x->imm);
    cpu->r[BEFORE] = INT64_MAX; // overflows: N and V
    cpu->r[AFTER] = 1;          // Z and C
    cpu->nzcv = 0;
    for (unsigned n = 0; n < 3; n++) {
        toy_pattern(page_bytes(b, n), PAGE_SIZE, n + (unsigned)va);
        memcpy(b->bytes[n], page_bytes(b, n), PAGE_SIZE);
    }
    b->t->nr_mmio = 0;
    *b->was = *cpu;
    unsigned faults = b->t->nr_faults;
    uint64_t icount = toy_run(b->t, pc);
    bool ok = faults == b->t->nr_faults;
    const char *name = x->row->name;
    if (ok) {
        cr_assert_eq(icount, 4, "%s at %#lx: %lu instructions", name, va, icount);
        cr_assert_eq(cpu->nzcv, NZCV_Z | NZCV_C, "%s at %#lx: nzcv %x after", name, va, cpu->nzcv);
        cr_assert_eq(cpu->pc, pc + 16, "%s: pc %#lx after", name, cpu->pc);
    } else {
        const struct toy_fault *f = &b->t->fault;
        cr_assert_eq(f->pc, pc + 4, "%s at %#lx: fault at pc %#lx", name, va, f->pc);
        cr_assert_eq(f->icount - b->was->icount, 1, "%s at %#lx: fault at icount %lu", name, va,
                     f->icount - b->was->icount);
        cr_assert_eq(cpu->nzcv, NZCV_N | NZCV_V, "%s at %#lx: nzcv %x at the fault", name, va,
                     cpu->nzcv);
        cr_assert_eq(f->access, x->row->load ? MEM_READ : MEM_WRITE, "%s: access %d", name,
                     f->access);
    }
    for (unsigned n = 0; n < 64; n++) {
        bool dest = ok && x->row->load && !x->row->vec &&
                    (n == x->d || (n == x->d2 && x->row->elements == 2));
        uint64_t want = b->was->r[n] + (n == BEFORE) - (n == AFTER && ok);
        cr_assert(dest || cpu->r[n] == want, "%s at %#lx %s: r%u is %#lx, not %#lx", name, va,
                  ok ? "done" : "faulted", n, cpu->r[n], want);
    }
    for (unsigned n = 0; n < 32; n++) {
        bool dest = ok && x->row->load && x->row->vec &&
                    (n == x->d || (n == x->d2 && x->row->elements == 2));
        cr_assert(dest || !memcmp(&cpu->v[n], &b->was->v[n], 16), "%s at %#lx %s: v%u changed",
                  name, va, ok ? "done" : "faulted", n);
    }
    return ok;
}

static unsigned total(const struct row *r)
{
    return r->size * r->elements;
}

// The bytes that a load's destinations must stand for, or a store's sources.
static void expect_loaded(struct bench *b, const struct access *x, gva_t va, const uint8_t *bytes)
{
    const struct row *r = x->row;
    for (unsigned e = 0; e < r->elements; e++) {
        unsigned reg = e ? x->d2 : x->d;
        uint64_t lo = 0, hi = 0;
        for (unsigned n = 0; n < r->size && n < 8; n++)
            lo |= (uint64_t)bytes[e * r->size + n] << 8 * n;
        for (unsigned n = 8; n < r->size; n++)
            hi |= (uint64_t)bytes[e * r->size + n] << 8 * (n - 8);
        if (r->sign)
            lo = (uint64_t)sext64(lo, 8 * r->size) & mask64(8 * r->ext);
        const union vec *v = &b->t->cpu.v[reg];
        uint64_t got = r->vec ? v->u64[0] : b->t->cpu.r[reg], got_hi = r->vec ? v->u64[1] : 0;
        cr_assert(got == lo && got_hi == hi,
                  "%s attr %#x%s at %#lx element %u: %#lx:%016lx, not %#lx:%016lx", r->name,
                  x->attr, x->indexed ? " indexed" : "", va, e, got_hi, got, hi, lo);
    }
}

static void source_bytes(const struct bench *b, const struct access *x, uint8_t *bytes)
{
    const struct row *r = x->row;
    for (unsigned e = 0; e < r->elements; e++) {
        unsigned reg = e ? x->d2 : x->d;
        const void *from = r->vec ? (const void *)&b->was->v[reg] : &b->was->r[reg];
        memcpy(bytes + e * r->size, from, r->size);
    }
}

// Memory must be as before, but for n bytes written at va (0: nothing).
static void expect_memory(struct bench *b, gva_t va, const uint8_t *written, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        gva_t at = va + i - WINDOW;
        if (at < 3 * PAGE_SIZE)
            b->bytes[at >> PAGE_BITS][at & ~PAGE_MASK] = written[i];
    }
    for (unsigned p = 0; p < 3; p++)
        for (unsigned i = 0; i < PAGE_SIZE; i++)
            cr_assert_eq(b->bytes[p][i], page_bytes(b, p)[i],
                         "page %u + %#x: %#x, not %#x (access at %#lx)", p, i, page_bytes(b, p)[i],
                         b->bytes[p][i], va);
}

// Runs an access whose bytes all are RAM in the window, and checks its effect.
static void check_ram(struct bench *b, gva_t pc, gva_t va)
{
    const struct access *x = access_at(b, pc);
    uint8_t bytes[32];
    cr_assert(run(b, pc, va), "%s at %#lx faults: kind %d at %#lx", x->row->name, va,
              b->t->fault.kind, b->t->fault.va);
    if (x->row->load) {
        for (unsigned n = 0; n < total(x->row); n++)
            bytes[n] = b->bytes[(va + n - WINDOW) >> PAGE_BITS][(va + n) & ~PAGE_MASK];
        expect_loaded(b, x, va, bytes);
        expect_memory(b, va, NULL, 0);
    } else {
        source_bytes(b, x, bytes);
        expect_memory(b, va, bytes, total(x->row));
    }
}

static void expect_fault(struct bench *b, gva_t pc, gva_t va, enum mem_fault_kind kind, gva_t at)
{
    const struct access *x = access_at(b, pc);
    bool ok = run(b, pc, va);
    const struct toy_fault *f = &b->t->fault;
    cr_assert(!ok, "%s attr %#x at %#lx does not fault", x->row->name, x->attr, va);
    cr_assert(f->kind == kind && f->va == at, "%s at %#lx: fault %d at %#lx, not %d at %#lx",
              x->row->name, va, f->kind, f->va, kind, at);
    cr_assert_eq(f->attr & 0xfu, x->attr & 0xfu, "%s: attributes %#x", x->row->name, f->attr);
}

#define EACH_ROW(r) for (const struct row *r = rows; r < rows + ARRAY_SIZE(rows); r++)

// The ways a row can be used: plain, indexed, and both through functions.
static unsigned ways(const struct row *r, struct access out[6])
{
    unsigned order = r->load ? MEM_ACQUIRE : MEM_RELEASE, n = 0;
    out[n++] = (struct access){.row = r};
    out[n++] = (struct access){.row = r, .imm = -UINT64_C(24)};
    out[n++] = (struct access){.row = r, .imm = 0x7f8, .attr = order};
    out[n++] = (struct access){.row = r, .imm = -UINT64_C(264), .attr = order};
    if (r->elements == 1) {
        out[n++] = (struct access){.row = r, .indexed = true, .imm = 3};
        out[n++] = (struct access){.row = r, .indexed = true, .imm = 4, .attr = order};
    }
    return n;
}

Test(jit_memory, every_row_at_every_alignment, .timeout = 60)
{
    struct bench *b = bench_create();
    EACH_ROW(r)
    {
        struct access way[6];
        for (unsigned w = 0, nr = ways(r, way); w < nr; w++) {
            gva_t pc = program(b, way[w]);
            tlb_flush_all(&b->t->cpu);
            toy_contexts(b->t);
            for (unsigned round = 0; round < 2; round++) {
                for (unsigned off = 0; off < 2 * total(r); off++)
                    check_ram(b, pc, WINDOW + 0x100 + off);
                // Up to the page's end, across, and from the next one's start.
                for (unsigned off = 0; off <= total(r); off++)
                    check_ram(b, pc, EDGE - total(r) + off);
                // Across once more with the other neighbour known first.
                check_ram(b, pc, EDGE + PAGE_SIZE - 1);
            }
        }
    }
    bench_destroy(b);
}

// A hit costs no walk; nor does an access that crosses, once both pages are known.
Test(jit_memory, walks)
{
    struct bench *b = bench_create();
    EACH_ROW(r)
    {
        gva_t pc = program(b, (struct access){.row = r});
        tlb_flush_all(&b->t->cpu);
        toy_contexts(b->t);
        check_ram(b, pc, WINDOW + 64);
        unsigned walks = b->t->nr_translates;
        check_ram(b, pc, WINDOW + 128);
        check_ram(b, pc, WINDOW);
        check_ram(b, pc, EDGE - total(r));
        cr_expect_eq(b->t->nr_translates, walks, "%s: %u walks on hits", r->name,
                     b->t->nr_translates - walks);
        if (total(r) > 1) {
            check_ram(b, pc, EDGE - 1);
            cr_expect_eq(b->t->nr_translates, walks + 2, "%s: %u walks for a crossing", r->name,
                         b->t->nr_translates - walks);
            for (unsigned n = 1; n < total(r); n++)
                check_ram(b, pc, EDGE - n);
            cr_expect_eq(b->t->nr_translates, walks + 2, "%s: %u walks for a crossing that is known",
                         r->name, b->t->nr_translates - walks);
        }
    }
    bench_destroy(b);
}

// Either page missing, unreadable or unwritable ---------------------------------------------------

Test(jit_memory, crossing_into_what_is_not_there, .timeout = 60)
{
    struct bench *b = bench_create();
    toy_map(b->t, EDGE, 0, PAGE_BITS, TOY_GLOBAL); // the middle page is gone
    EACH_ROW(r)
    {
        for (unsigned attr = 0; attr <= MEM_ACQUIRE; attr += MEM_ACQUIRE) {
            gva_t pc = program(b, (struct access){.row = r, .attr = attr});
            for (unsigned round = 0; round < 2; round++) {
                for (unsigned n = 1; n < total(r); n++) {
                    expect_fault(b, pc, EDGE - n, FAULT_WALK, EDGE);
                    expect_memory(b, 0, NULL, 0);
                    expect_fault(b, pc, EDGE + PAGE_SIZE - n, FAULT_WALK, EDGE + PAGE_SIZE - n);
                    expect_memory(b, 0, NULL, 0);
                }
                check_ram(b, pc, EDGE - total(r));
                check_ram(b, pc, EDGE + PAGE_SIZE);
                expect_fault(b, pc, EDGE, FAULT_WALK, EDGE);
            }
        }
    }
    bench_destroy(b);
}

Test(jit_memory, crossing_into_a_read_only_page, .timeout = 60)
{
    struct bench *b = bench_create();
    toy_map(b->t, EDGE, PA1, PAGE_BITS, TOY_R | TOY_GLOBAL);
    EACH_ROW(r)
    {
        gva_t pc = program(b, (struct access){.row = r});
        for (unsigned n = 1; n < total(r); n++) {
            if (r->load) {
                check_ram(b, pc, EDGE - n);
            } else {
                expect_fault(b, pc, EDGE - n, FAULT_WALK, EDGE);
                expect_memory(b, 0, NULL, 0);
            }
        }
    }
    bench_destroy(b);
}

// Device pages ------------------------------------------------------------------------------------

static bool is_misaligned(const struct row *r, gva_t va)
{
    return va & (r->size - 1);
}

// What the device saw must be naturally aligned pieces that cover exactly n bytes from pa; gives
// the bytes.
static void device_bytes(struct bench *b, const char *name, gpa_t pa, unsigned n, bool write,
                         uint8_t *out)
{
    unsigned done = 0;
    for (unsigned k = 0; k < b->t->nr_mmio; k++) {
        const struct toy_mmio *m = &b->t->mmio[k];
        cr_assert(m->write == write && m->pa == pa + done && !(m->pa & (m->size - 1)) &&
                      done + m->size <= n,
                  "%s: piece %u: %u bytes at %#lx", name, k, m->size, m->pa);
        memcpy(out + done, &m->value, m->size);
        done += m->size;
    }
    cr_assert_eq(done, n, "%s: the device saw %u bytes of %u", name, done, n);
}

static void check_device(struct bench *b, gva_t pc, gva_t va, gva_t dev, gpa_t pa)
{
    const struct access *x = access_at(b, pc);
    const struct row *r = x->row;
    uint8_t bytes[32], want[32];
    cr_assert(run(b, pc, va), "%s at %#lx faults: kind %d", r->name, va, b->t->fault.kind);
    // Which bytes of the access are the device's: those of the page at dev.
    unsigned first = va < dev ? (unsigned)(dev - va) : 0;
    unsigned end = va + total(r) > dev + PAGE_SIZE ? (unsigned)(dev + PAGE_SIZE - va) : total(r);
    for (unsigned n = 0; n < total(r); n++) {
        gva_t at = va + n - WINDOW;
        bytes[n] = at < 3 * PAGE_SIZE ? b->bytes[at >> PAGE_BITS][at & ~PAGE_MASK] : 0;
    }
    device_bytes(b, r->name, pa + (va + first - dev), end - first, !r->load, bytes + first);
    if (r->load) {
        expect_loaded(b, x, va, bytes);
        expect_memory(b, 0, NULL, 0);
        return;
    }
    source_bytes(b, x, want);
    cr_assert(!memcmp(want + first, bytes + first, end - first), "%s at %#lx: other bytes written",
              r->name, va);
    if (first)
        expect_memory(b, va, want, first);
    else
        expect_memory(b, va + end, want + end, total(r) - end);
}

Test(jit_memory, device_pages, .timeout = 60)
{
    for (unsigned device = 0; device <= TOY_DEVICE; device += TOY_DEVICE) {
        struct bench *b = bench_create();
        toy_map(b->t, EDGE, TOY_DEV, PAGE_BITS, TOY_ALL | device);
        EACH_ROW(r)
        {
            for (unsigned attr = 0; attr <= MEM_ACQUIRE; attr += MEM_ACQUIRE) {
                gva_t pc = program(b, (struct access){.row = r, .attr = attr});
                for (unsigned n = 0; n < 2 * total(r) + 8; n++) {
                    // Around the device's start and around its end.
                    const gva_t vas[2] = {EDGE - total(r) + n, EDGE + PAGE_SIZE - 8 - total(r) + n};
                    for (unsigned k = 0; k < 2; k++) {
                        bool touches = vas[k] + total(r) > EDGE && vas[k] < EDGE + PAGE_SIZE;
                        if (!touches)
                            check_ram(b, pc, vas[k]);
                        else if (device && is_misaligned(r, vas[k]))
                            expect_fault(b, pc, vas[k], FAULT_ALIGNMENT, vas[k]);
                        else
                            check_device(b, pc, vas[k], EDGE, TOY_DEV);
                    }
                }
            }
        }
        bench_destroy(b);
    }
}

Test(jit_memory, device_memory_is_never_cached)
{
    struct bench *b = bench_create();
    toy_map(b->t, EDGE, PA1, PAGE_BITS, TOY_ALL | TOY_DEVICE); // RAM with device attributes
    EACH_ROW(r)
    {
        gva_t pc = program(b, (struct access){.row = r});
        for (unsigned n = 0; n < 4; n++) {
            unsigned walks = b->t->nr_translates;
            check_ram(b, pc, EDGE + n * r->size);
            cr_expect(b->t->nr_translates > walks, "%s: no walk", r->name);
        }
        if (r->size > 1) {
            expect_fault(b, pc, EDGE + 1, FAULT_ALIGNMENT, EDGE + 1);
            expect_fault(b, pc, EDGE + r->size - 1, FAULT_ALIGNMENT, EDGE + r->size - 1);
        }
    }
    bench_destroy(b);
}

Test(jit_memory, nothing_answers)
{
    struct bench *b = bench_create();
    toy_map(b->t, EDGE, TOY_DEV + TOY_DEV_SIZE, PAGE_BITS, TOY_ALL);
    EACH_ROW(r)
    {
        gva_t pc = program(b, (struct access){.row = r});
        expect_fault(b, pc, EDGE + 32, FAULT_BUS, EDGE + 32);
        if (total(r) > 1 && r->load)
            expect_fault(b, pc, EDGE - 1, FAULT_BUS, EDGE);
        if (!r->load) // ROM takes no writes
            expect_fault(b, pc, TOY_ROM + 64, FAULT_BUS, TOY_ROM + 64);
        expect_memory(b, 0, NULL, 0);
    }
    bench_destroy(b);
}

// Attributes --------------------------------------------------------------------------------------

Test(jit_memory, aligned_when_it_has_to_be)
{
    struct bench *b = bench_create();
    EACH_ROW(r)
    {
        gva_t pc = program(b, (struct access){.row = r, .attr = MEM_ALIGNED});
        for (unsigned round = 0; round < 2; round++) { // a miss, then a hit
            for (unsigned n = 0; n < 2 * total(r); n++) {
                gva_t va = EDGE - total(r) + n;
                if (is_misaligned(r, va))
                    expect_fault(b, pc, va, FAULT_ALIGNMENT, va);
                else
                    check_ram(b, pc, va);
            }
        }
    }
    bench_destroy(b);
}

Test(jit_memory, unprivileged_accesses_have_their_own_context)
{
    struct bench *b = bench_create();
    toy_map(b->t, EDGE, PA1, PAGE_BITS, TOY_ALL & ~TOY_USER);
    EACH_ROW(r)
    {
        gva_t plain = program(b, (struct access){.row = r});
        gva_t unpriv = program(b, (struct access){.row = r, .attr = MEM_UNPRIV});
        gva_t va = EDGE + 128;
        tlb_flush_all(&b->t->cpu);
        toy_contexts(b->t);
        for (unsigned round = 0; round < 2; round++) {
            expect_fault(b, unpriv, va, FAULT_WALK, va);
            cr_expect(b->t->fault.attr & MEM_UNPRIV, "%s: attributes %#x", r->name,
                      b->t->fault.attr);
            check_ram(b, plain, va); // and now this page is in the TLB
        }
        check_ram(b, unpriv, WINDOW + 128);
        unsigned walks = b->t->nr_translates;
        check_ram(b, unpriv, WINDOW + 160);
        cr_expect_eq(b->t->nr_translates, walks, "%s: unprivileged accesses never hit", r->name);
    }
    bench_destroy(b);
}

// Registers that are both address and value -------------------------------------------------------

Test(jit_memory, destination_over_base, .timeout = 60)
{
    struct bench *b = bench_create();
    EACH_ROW(r)
    {
        if (r->vec)
            continue;
        for (unsigned attr = 0; attr <= MEM_ACQUIRE; attr += MEM_ACQUIRE) {
            gva_t pcs[] = {
                program(b, (struct access){.row = r, .attr = attr, .d = BASE, .imm = 8}),
                program(b, (struct access){.row = r, .attr = attr, .d2 = BASE, .imm = 8}),
            };
            for (unsigned n = 0; n < 2; n++) {
                toy_map(b->t, EDGE, PA1, PAGE_BITS, TOY_ALL);
                tlb_flush_va(&b->t->cpu, EDGE);
                check_ram(b, pcs[n], WINDOW + 0x40); // miss or hit
                check_ram(b, pcs[n], WINDOW + 0x48); // hit
                if (total(r) > 1)
                    check_ram(b, pcs[n], EDGE - 1); // slow
                toy_unmap(b->t, EDGE);
                tlb_flush_va(&b->t->cpu, EDGE);
                expect_fault(b, pcs[n], EDGE, FAULT_WALK, EDGE);
                if (total(r) > 1)
                    expect_fault(b, pcs[n], EDGE - 1, FAULT_WALK, EDGE);
                b->t->nr_maps -= 2;
            }
        }
    }
    bench_destroy(b);
}

Test(jit_memory, destination_over_index)
{
    struct bench *b = bench_create();
    EACH_ROW(r)
    {
        if (r->vec || r->elements == 2)
            continue;
        for (unsigned attr = 0; attr <= MEM_ACQUIRE; attr += MEM_ACQUIRE) {
            gva_t pc = program(
                b, (struct access){.row = r, .attr = attr, .indexed = true, .imm = 1, .d = INDEX});
            check_ram(b, pc, WINDOW + 0x40);
            check_ram(b, pc, WINDOW + 0x48);
        }
    }
    bench_destroy(b);
}

// Whatever the way, a pair loaded into one register leaves the second element.
Test(jit_memory, pair_into_one_register)
{
    struct bench *b = bench_create();
    EACH_ROW(r)
    {
        if (!r->load || r->elements == 1)
            continue;
        for (unsigned attr = 0; attr <= MEM_ACQUIRE; attr += MEM_ACQUIRE) {
            gva_t pc = program(b, (struct access){.row = r, .attr = attr, .d = D, .d2 = D});
            tlb_flush_all(&b->t->cpu);
            toy_contexts(b->t);
            for (unsigned round = 0; round < 2; round++) {
                cr_assert(run(b, pc, WINDOW));
                uint64_t got = r->vec ? b->t->cpu.v[D].u64[0] : b->t->cpu.r[D], want = 0;
                memcpy(&want, b->bytes[0] + r->size, r->size < 8 ? r->size : 8);
                cr_expect_eq(got, want, "%s attr %#x, %s: %#lx, not %#lx", r->name, attr,
                             round ? "hit" : "miss", got, want);
            }
        }
    }
    bench_destroy(b);
}

// Absent registers and constants ------------------------------------------------------------------

static void emit_odd(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_val base = ir_const(ir, PA0), zero = IR_NONE;
    switch (arg) {
    case 0:
        ir_load(ir, IR_LD64, 0, IR_NONE, IR_NONE, base, IR_NONE, 8);
        break;
    case 1:
        ir_load(ir, IR_LDP64, 0, IR_NONE, ir_r(D), base, IR_NONE, 8);
        break;
    case 2:
        ir_load(ir, IR_LDP64, MEM_ACQUIRE, ir_r(D), IR_NONE, base, IR_NONE, 8);
        break;
    case 3:
        ir_load(ir, IR_LDV32, 0, IR_NONE, IR_NONE, base, IR_NONE, 8);
        break;
    case 4:
        ir_store(ir, IR_ST64, 0, zero, IR_NONE, base, IR_NONE, 8);
        break;
    case 5:
        ir_store(ir, IR_ST32, 0, ir_const(ir, 0x12345678), IR_NONE, base, ir_const(ir, 2), 2);
        break;
    case 6:
        ir_store(ir, IR_STP64, 0, ir_const(ir, 7), ir_const(ir, 9), base, IR_NONE, 8);
        break;
    case 7:
        ir_store(ir, IR_STP32, MEM_RELEASE, ir_const(ir, 7), ir_const(ir, 9), base, IR_NONE, 8);
        break;
    }
}

Test(jit_memory, absent_registers_and_constants)
{
    struct bench *b = bench_create();
    struct toy *t = b->t;
    uint64_t *m = toy_host(t, PA0);
    t->emit[1] = emit_odd;
    for (unsigned n = 0; n < 8; n++) {
        TOY_CODE_AT(t, TOY_CODE + 8 * n, toy_word(1, n), 0);
        for (unsigned k = 0; k < 4; k++)
            m[k] = k + 100;
        t->cpu.r[0] = 5;
        cr_expect_eq(toy_run(t, TOY_CODE + 8 * n), 2);
        cr_expect_eq(t->nr_faults, 0, "case %u faults", n);
        static const uint64_t want[8][4] = {
            {100, 101, 102, 103}, {100, 101, 102, 103},
            {100, 101, 102, 103}, {100, 101, 102, 103},
            {100, 0, 102, 103},   {100, 0x12345678, 102, 103},
            {100, 7, 9, 103},     {100, 7 | UINT64_C(9) << 32, 102, 103},
        };
        for (unsigned k = 0; k < 4; k++)
            cr_expect_eq(m[k], want[n][k], "case %u word %u: %#lx, not %#lx", n, k, m[k],
                         want[n][k]);
        uint64_t loaded = n == 1 ? 102 : n == 2 ? 101 : t->cpu.r[D];
        cr_expect_eq(t->cpu.r[D], loaded, "case %u loaded %lu", n, t->cpu.r[D]);
        cr_expect(t->cpu.r[0] == 5 && !t->cpu.zero.u64[0] && !t->cpu.zero.u64[1], "case %u", n);
    }
    bench_destroy(b);
}

// Several accesses in one instruction -------------------------------------------------------------

// Four loads at r1 .. r4 into temporaries, then all committed.
static void emit_gather(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_val v[4];
    for (unsigned n = 0; n < 4; n++) {
        v[n] = ir_tmp(ir);
        ir_load(ir, IR_LD64, arg, v[n], IR_NONE, ir_r(1 + n), IR_NONE, 0);
    }
    for (unsigned n = 0; n < 4; n++)
        ir_MOV(ir, IR_I64, ir_r(1 + n), v[n], 0);
    ir_ADDS(ir, IR_I64, IR_NONE, v[0], v[0]);
}

// Four stores at r1 .. r4, all probed first.
static void emit_scatter(struct toy *t, struct ir *ir, uint32_t arg)
{
    for (unsigned n = 0; n < 4; n++)
        ir_probe(ir, ir_r(1 + n), 8, true, arg);
    for (unsigned n = 0; n < 4; n++)
        ir_store(ir, IR_ST64, arg, ir_r(5 + n), IR_NONE, ir_r(1 + n), IR_NONE, 0);
    ir_ADD(ir, IR_I64, ir_r(1), ir_r(1), ir_const(ir, 8));
}

// Four pages, of which one is not there, at the address of the fault or across its end.
static void check_nth(struct toy *t, unsigned op, unsigned bad, unsigned off)
{
    static const unsigned pages[4] = {3, 1, 6, 4};
    uint64_t want[4];
    for (unsigned n = 0; n < 4; n++) {
        uint8_t *host = toy_host(t, TOY_DATA + pages[n] * PAGE_SIZE);
        toy_pattern(host, PAGE_SIZE, n + bad);
        t->cpu.r[1 + n] = want[n] = WINDOW + 0x10000 + pages[n] * PAGE_SIZE + off;
        t->cpu.r[5 + n] = n;
    }
    t->cpu.r[BEFORE] = INT64_MAX;
    t->cpu.nzcv = 0;
    unsigned faults = t->nr_faults;
    uint64_t icount = t->cpu.icount;
    toy_run(t, TOY_CODE + 64 * op);
    cr_assert_eq(t->nr_faults, faults + 1, "access %u of op %u does not fault", bad, op);
    cr_assert(t->fault.pc == TOY_CODE + 64 * op + 4 && t->fault.icount == icount + 1 &&
                  t->cpu.nzcv == 9,
              "access %u of op %u: pc %#lx, icount %lu, nzcv %x", bad, op, t->fault.pc,
              t->fault.icount - icount, t->cpu.nzcv);
    gva_t at = off > PAGE_SIZE - 8 ? (want[bad] & PAGE_MASK) + PAGE_SIZE : want[bad];
    cr_assert_eq(t->fault.va, at, "access %u of op %u: fault at %#lx, not %#lx", bad, op,
                 t->fault.va, at);
    uint8_t pattern[PAGE_SIZE];
    for (unsigned n = 0; n < 4; n++) {
        cr_assert_eq(t->cpu.r[1 + n], want[n], "access %u of op %u: r%u is %#lx", bad, op, 1 + n,
                     t->cpu.r[1 + n]);
        toy_pattern(pattern, PAGE_SIZE, n + bad);
        cr_assert(!memcmp(pattern, toy_host(t, TOY_DATA + pages[n] * PAGE_SIZE), PAGE_SIZE),
                  "access %u of op %u: page %u was written", bad, op, n);
    }
}

Test(jit_memory, the_nth_access_faults)
{
    static const unsigned pages[4] = {3, 1, 6, 4};
    struct bench *b = bench_create();
    struct toy *t = b->t;
    t->emit[4] = emit_gather;
    t->emit[5] = emit_scatter;
    for (unsigned op = 4; op <= 5; op++)
        TOY_CODE_AT(t, TOY_CODE + 64 * op, toy_word(OP_BEFORE, 0), toy_word(op, 0),
                    toy_word(OP_AFTER, 0), 0);
    unsigned maps = t->nr_maps;
    for (unsigned bad = 0; bad < 4; bad++) {
        for (unsigned off = 0x100; off < PAGE_SIZE;
             off += PAGE_SIZE - 4 - 0x100) { // inside, then across
            t->nr_maps = maps;
            tlb_flush_all(&t->cpu);
            toy_contexts(t);
            for (unsigned n = 0; n < 4; n++) {
                gva_t va = WINDOW + 0x10000 + pages[n] * PAGE_SIZE;
                toy_map(t, va, TOY_DATA + pages[n] * PAGE_SIZE, PAGE_BITS, TOY_ALL);
                if (pages[n] != 3) // 4 follows 3
                    toy_map(t, va + PAGE_SIZE, TOY_DATA + (pages[n] + 1) * PAGE_SIZE, PAGE_BITS,
                            TOY_ALL);
            }
            toy_unmap(t, WINDOW + 0x10000 + (pages[bad] + (off > 0x100)) * PAGE_SIZE);
            if (bad == 0 && off > 0x100)
                continue; // page 4, which is the last one's own
            for (unsigned round = 0; round < 2; round++)
                for (unsigned op = 4; op <= 5; op++)
                    check_nth(t, op, bad, off);
        }
    }
    bench_destroy(b);
}

struct probe {
    unsigned size, attr;
    bool write;
};

static void emit_probe(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_probe(ir, ir_r(BASE), arg & 0xffff, arg >> 16 & 1, arg >> 17 ? MEM_UNPRIV : 0);
}

Test(jit_memory, probes)
{
    struct bench *b = bench_create();
    struct toy *t = b->t;
    t->emit[4] = emit_probe;
    toy_map(t, EDGE, PA1, PAGE_BITS, TOY_R | TOY_GLOBAL); // read-only, privileged
    toy_unmap(t, EDGE + PAGE_SIZE);
    static const struct {
        gva_t va;
        unsigned size;
        bool write, unpriv;
        gva_t fault; // 0: none
    } cases[] = {
        {EDGE - 64, 64, true, false, 0},
        {EDGE - 64, 65, false, false, 0},
        {EDGE - 64, 65, true, false, EDGE},
        {EDGE - 1, 1, true, true, 0},
        {EDGE - 1, 2, false, true, EDGE},
        {EDGE + 8, 8, true, false, EDGE + 8},
        {EDGE, PAGE_SIZE, false, false, 0},
        {EDGE + 1, PAGE_SIZE, false, false, EDGE + PAGE_SIZE},
        {EDGE + PAGE_SIZE - 1, 64, false, false, EDGE + PAGE_SIZE},
        {EDGE + PAGE_SIZE + 5, 1, false, false, EDGE + PAGE_SIZE + 5},
        {WINDOW - 3, 64, false, false, WINDOW - 3},
        {TOY_DEV + TOY_DEV_SIZE, 64, true, false, 0}, // translation alone
    };
    for (unsigned n = 0; n < ARRAY_SIZE(cases); n++) {
        uint32_t arg =
            cases[n].size | (uint32_t)cases[n].write << 16 | (uint32_t)cases[n].unpriv << 17;
        TOY_CODE_AT(t, TOY_CODE + 16 * n, toy_word(OP_BEFORE, 0), toy_word(4, arg),
                    toy_word(OP_AFTER, 0), 0);
        for (unsigned round = 0; round < 2; round++) {
            unsigned faults = t->nr_faults;
            t->cpu.r[BASE] = cases[n].va;
            toy_run(t, TOY_CODE + 16 * n);
            bool faulted = t->nr_faults != faults;
            cr_expect(faulted == (cases[n].fault != 0) &&
                          (!faulted || t->fault.va == cases[n].fault),
                      "case %u: %s at %#lx", n, faulted ? "fault" : "no fault", t->fault.va);
            cr_expect(!faulted || t->fault.access == (cases[n].write ? MEM_WRITE : MEM_READ),
                      "case %u", n);
            cr_expect_eq(t->nr_mmio, 0, "case %u reaches the device", n);
        }
    }
    bench_destroy(b);
}

// Other things that bail out ----------------------------------------------------------------------

static void emit_check_sp(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_emit(ir, IR_CHECK_SP, 0, IR_NONE, ir_r(BASE), IR_NONE, IR_NONE, 0);
}

static void emit_bail(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_call(ir, TOY_HELPER_BAIL, IR_NONE, ir_r(BASE), IR_NONE, IR_NONE, 0x1234);
    ir_MOV(ir, IR_I64, ir_r(D), ir_const(ir, 1), 0);
}

static void emit_raise(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_raise(ir, 0xabcdef);
}

Test(jit_memory, stack_checks_helpers_and_raise)
{
    struct bench *b = bench_create();
    struct toy *t = b->t;
    t->emit[4] = emit_check_sp;
    t->emit[5] = emit_bail;
    t->emit[6] = emit_raise;
    for (unsigned op = 4; op <= 6; op++)
        TOY_CODE_AT(t, TOY_CODE + 64 * op, toy_word(OP_BEFORE, 0), toy_word(op, 0),
                    toy_word(OP_AFTER, 0), 0);
    for (unsigned n = 0; n < 17; n++) {
        unsigned faults = t->nr_faults;
        t->cpu.r[BASE] = 0x7000 + n;
        toy_run(t, TOY_CODE + 64 * 4);
        cr_expect_eq(t->nr_faults - faults, (n & 15) != 0, "CHECK_SP of %#lx", t->cpu.r[BASE]);
        cr_expect(!(n & 15) || (t->fault.kind == FAULT_STACK && t->fault.va == 0x7000 + n &&
                                t->fault.pc == TOY_CODE + 64 * 4 + 4),
                  "CHECK_SP %u", n);
    }
    for (unsigned bails = 0; bails < 2; bails++) {
        unsigned faults = t->nr_faults;
        t->cpu.r[BASE] = bails;
        t->cpu.r[D] = 0;
        uint64_t icount = t->cpu.icount;
        toy_run(t, TOY_CODE + 64 * 5);
        cr_expect_eq(t->nr_faults - faults, bails);
        cr_expect_eq(t->cpu.r[D], !bails, "the helper's instruction went on");
        cr_expect(!bails || (t->fault.va == 0x1234 && t->fault.pc == TOY_CODE + 64 * 5 + 4 &&
                             t->fault.icount == icount + 1 && !t->cpu.bail));
    }
    uint64_t icount = t->cpu.icount;
    t->cpu.r[BEFORE] = INT64_MAX;
    toy_run(t, TOY_CODE + 64 * 6);
    cr_expect(t->raised == 0xabcdef && t->raised_pc == TOY_CODE + 64 * 6 + 4 && t->cpu.nzcv == 9 &&
                  t->raised_icount == icount + 2, // the raising instruction counts
              "raised %#lx at %#lx, icount %lu", t->raised, t->raised_pc,
              t->raised_icount - icount);
    bench_destroy(b);
}
