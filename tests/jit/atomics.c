// SPDX-License-Identifier: GPL-3.0-or-later
// Read-modify-writes, compare-and-swap of pairs, exclusives: every kind and size.
#include "tests/jit/toy.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>

enum { BASE = 1, B = 2, C = 3, D = 4, D2 = 5, BEFORE = 20 };

// The instruction's argument, unpacked.
struct what {
    enum ir_op op;
    unsigned kind, log2, pair, attr;
};

static uint32_t pack(struct what w)
{
    return w.op | w.kind << 8 | w.log2 << 12 | w.pair << 14 | w.attr << 16;
}

static void emit_atomic(struct toy *t, struct ir *ir, uint32_t arg)
{
    enum ir_op op = arg & 0xff;
    unsigned kind = arg >> 8 & 15, log2 = arg >> 12 & 3, pair = arg >> 14 & 1, attr = arg >> 16;
    ir_val d = ir_r(D), d2 = ir_r(D2), base = ir_r(BASE), b = ir_r(B), c = ir_r(C);
    switch ((int)op) {
    case IR_ATOMIC:
        ir_atomic(ir, kind, log2, attr, d, base, b, c);
        break;
    case IR_LDX:
        ir_excl(ir, op, log2, attr, d, pair ? d2 : IR_NONE, base, IR_NONE, IR_NONE);
        break;
    case IR_STX:
        ir_excl(ir, op, log2, attr, d, IR_NONE, base, b, pair ? c : IR_NONE);
        break;
    case IR_CASP:
        ir_excl(ir, op, log2, attr, d, d2, base, b, c);
        break;
    case IR_CLREX:
        ir_emit(ir, IR_CLREX, 0, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
        break;
    default:
        cr_assert_fail("op %d", op);
    }
}

static void emit_before(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_ADDS(ir, IR_I64, ir_r(BEFORE), ir_r(BEFORE), ir_const(ir, 1));
}

static struct toy *machine(void)
{
    struct toy *t = toy_create();
    t->emit[1] = emit_atomic;
    t->emit[2] = emit_before;
    return t;
}

// Runs one instruction; false if it faulted. Registers stay from one to the next.
static bool run(struct toy *t, struct what w)
{
    uint32_t *code = toy_host(t, TOY_CODE);
    code[0] = toy_word(2, 0);
    code[1] = toy_word(1, pack(w));
    code[2] = 0;
    jit_ram_written(&t->jit, TOY_CODE, 12);
    unsigned faults = t->nr_faults;
    uint64_t icount = t->cpu.icount;
    toy_run(t, TOY_CODE);
    if (t->nr_faults == faults)
        return true;
    cr_assert(t->fault.pc == TOY_CODE + 4 && t->fault.icount == icount + 1,
              "fault at pc %#lx, icount %lu", t->fault.pc, t->fault.icount - icount);
    return false;
}

// What memory becomes, computed in 128 bits.
static uint64_t expected(enum ir_atomic kind, unsigned w, uint64_t old, uint64_t b, uint64_t c)
{
    uint64_t m = mask64(w);
    __int128 sold = sext64(old, w), sb = sext64(b, w);
    old &= m;
    b &= m;
    switch (kind) {
    case IR_ATOMIC_ADD:
        return (old + b) & m;
    case IR_ATOMIC_CLR:
        return old & ~b;
    case IR_ATOMIC_XOR:
        return old ^ b;
    case IR_ATOMIC_SET:
        return old | b;
    case IR_ATOMIC_SMAX:
        return sold > sb ? old : b;
    case IR_ATOMIC_SMIN:
        return sold < sb ? old : b;
    case IR_ATOMIC_UMAX:
        return old > b ? old : b;
    case IR_ATOMIC_UMIN:
        return old < b ? old : b;
    case IR_ATOMIC_SWP:
        return b;
    case IR_ATOMIC_CAS:
        return old == b ? c & m : old;
    }
    return 0;
}

static const char *const kinds[] = {"ADD",  "CLR",  "XOR",  "SET", "SMAX",
                                    "SMIN", "UMAX", "UMIN", "SWP", "CAS"};

Test(jit_atomics, every_kind_and_size, .timeout = 60)
{
    struct toy *t = machine();
    uint8_t *m = toy_host(t, TOY_DATA);
    uint64_t state = 3;
    for (unsigned kind = 0; kind <= IR_ATOMIC_CAS; kind++) {
        for (unsigned log2 = 0; log2 <= 3; log2++) {
            unsigned w = 8u << log2, size = 1u << log2;
            struct what what = {
                .op = IR_ATOMIC, .kind = kind, .log2 = log2, .attr = kind & 1 ? MEM_ACQUIRE : 0};
            for (unsigned n = 0; n < toy_nr_edges * toy_nr_edges; n++) {
                uint64_t old = toy_edges[n / toy_nr_edges], b = toy_edges[n % toy_nr_edges],
                         c = toy_random(&state);
                unsigned off = (unsigned)(n * size % 64) + 64;
                uint8_t around[192];
                toy_pattern(m, sizeof around, n);
                memcpy(m + off, &old, size);
                memcpy(around, m, sizeof around);
                t->cpu.r[BASE] = TOY_DATA + off;
                t->cpu.r[B] = b;
                t->cpu.r[C] = c;
                t->cpu.r[D] = ~UINT64_C(0);
                cr_assert(run(t, what));
                uint64_t now = 0, want = expected(kind, w, old, b, c);
                memcpy(&now, m + off, size);
                cr_assert(now == want && t->cpu.r[D] == (old & mask64(w)),
                          "%s %u: %#lx with %#lx, %#lx became %#lx, not %#lx; old %#lx",
                          kinds[kind], w, old, b, c, now, want, t->cpu.r[D]);
                memcpy(around + off, &want, size);
                cr_assert(!memcmp(around, m, sizeof around), "%s %u wrote a neighbour", kinds[kind],
                          w);
                if (kind == IR_ATOMIC_CAS) { // and once where the comparison holds
                    t->cpu.r[B] = now | ~mask64(w);
                    cr_assert(run(t, what));
                    memcpy(&now, m + off, size);
                    cr_assert_eq(now, c & mask64(w), "CAS %u did not swap: %#lx", w, now);
                }
            }
        }
    }
    toy_destroy(t);
}

// Result over the operand, and no result.
static void emit_overlap(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_val b = ir_r(B), base = ir_r(BASE);
    ir_atomic(ir, IR_ATOMIC_ADD, 3, 0, arg == 0 ? b : arg == 1 ? base : IR_NONE, base, b, IR_NONE);
}

Test(jit_atomics, result_over_operand_or_absent)
{
    struct toy *t = machine();
    uint64_t *m = toy_host(t, TOY_DATA);
    t->emit[3] = emit_overlap;
    for (unsigned n = 0; n < 3; n++) {
        TOY_CODE_AT(t, TOY_CODE + 0x100 + 8 * n, toy_word(3, n), 0);
        *m = 1000;
        t->cpu.r[BASE] = TOY_DATA;
        t->cpu.r[B] = 5;
        toy_run(t, TOY_CODE + 0x100 + 8 * n);
        cr_expect_eq(*m, 1005, "case %u: memory %lu", n, *m);
        cr_expect_eq(t->cpu.r[B], n == 0 ? 1000 : 5, "case %u: b %lu", n, t->cpu.r[B]);
        cr_expect_eq(t->cpu.r[BASE], n == 1 ? 1000 : TOY_DATA, "case %u: base %#lx", n,
                     t->cpu.r[BASE]);
    }
    toy_destroy(t);
}

Test(jit_atomics, casp)
{
    struct toy *t = machine();
    uint64_t *m = toy_host(t, TOY_DATA);
    for (unsigned log2 = 2; log2 <= 3; log2++) {
        uint64_t mask = mask64(8u << log2);
        struct what w = {.op = IR_CASP, .log2 = log2, .attr = MEM_RELEASE};
        for (unsigned differs = 0; differs < 4;
             differs++) { // in which element the comparison fails
            uint64_t lo = 0x1111111122222222 & mask, hi = 0x3333333344444444 & mask;
            m[0] = log2 == 3 ? lo : lo | hi << 32;
            m[1] = log2 == 3 ? hi : 0x5555555555555555;
            t->cpu.r[BASE] = TOY_DATA;
            t->cpu.r[D] = (lo ^ (differs & 1)) | ~mask; // what is above an element does not count
            t->cpu.r[D2] = (hi ^ (differs & 2)) | ~mask;
            t->cpu.r[B] = 0xaaaaaaaabbbbbbbb;
            t->cpu.r[C] = 0xccccccccdddddddd;
            cr_assert(run(t, w));
            cr_expect(t->cpu.r[D] == lo && t->cpu.r[D2] == hi, "CASP %u/%u read %#lx, %#lx", log2,
                      differs, t->cpu.r[D], t->cpu.r[D2]);
            uint64_t want0 = log2 == 3 ? (differs ? lo : 0xaaaaaaaabbbbbbbb)
                                       : (differs ? lo | hi << 32 : 0xddddddddbbbbbbbb);
            uint64_t want1 = log2 == 3 ? (differs ? hi : 0xccccccccdddddddd) : 0x5555555555555555;
            cr_expect(m[0] == want0 && m[1] == want1, "CASP %u/%u left %#lx, %#lx", log2, differs,
                      m[0], m[1]);
        }
    }
    toy_destroy(t);
}

// Exclusives --------------------------------------------------------------------------------------

static void fill_pair(uint64_t m[2])
{
    m[0] = 0x8899aabbccddeeff;
    m[1] = 0x0011223344556677;
}

static bool store_exclusive(struct toy *t, struct what w)
{
    w.op = IR_STX;
    t->cpu.r[B] = 0xb1b2b3b4b5b6b7b8;
    t->cpu.r[C] = 0xc1c2c3c4c5c6c7c8;
    t->cpu.r[D] = 77;
    cr_assert(run(t, w));
    cr_assert(t->cpu.r[D] <= 1, "STX gave %lu", t->cpu.r[D]);
    return !t->cpu.r[D];
}

static void load_exclusive(struct toy *t, struct what w, const uint64_t m[2])
{
    w.op = IR_LDX;
    t->cpu.r[BASE] = TOY_DATA;
    t->cpu.r[D] = t->cpu.r[D2] = 77;
    cr_assert(run(t, w));
    uint64_t lo = w.pair && w.log2 == 2 ? m[0] & 0xffffffff : m[0] & mask64(8u << w.log2);
    uint64_t hi = !w.pair ? 77 : w.log2 == 2 ? m[0] >> 32 : m[1];
    cr_assert(t->cpu.r[D] == lo && t->cpu.r[D2] == hi, "LDX %u%s read %#lx, %#lx, not %#lx, %#lx",
              w.log2, w.pair ? " pair" : "", t->cpu.r[D], t->cpu.r[D2], lo, hi);
}

#define EACH_EXCLUSIVE(w)                                                                          \
    for (struct what w = {.attr = MEM_ACQUIRE}; w.pair < 2; w.pair++)                              \
        for (w.log2 = w.pair ? 2 : 0; w.log2 <= 3; w.log2++)

Test(jit_exclusives, store_succeeds_once)
{
    struct toy *t = machine();
    uint64_t *m = toy_host(t, TOY_DATA);
    EACH_EXCLUSIVE(w)
    {
        fill_pair(m);
        load_exclusive(t, w, m);
        cr_expect(store_exclusive(t, w), "STX %u/%u fails", w.log2, w.pair);
        unsigned bits = 8u << w.log2;
        uint64_t m0 = w.pair && w.log2 == 2 ? 0xc5c6c7c8b5b6b7b8
                                            : (0xb1b2b3b4b5b6b7b8 & mask64(bits)) |
                                                  (0x8899aabbccddeeff & ~mask64(bits));
        uint64_t m1 = w.pair && w.log2 == 3 ? 0xc1c2c3c4c5c6c7c8 : 0x0011223344556677;
        cr_expect(m[0] == m0 && m[1] == m1, "STX %u/%u left %#lx, %#lx", w.log2, w.pair, m[0],
                  m[1]);
        fill_pair(m);
        cr_expect(!store_exclusive(t, w), "STX %u/%u succeeds a second time", w.log2, w.pair);
        cr_expect_eq(m[0], 0x8899aabbccddeeff, "and stores");
    }
    toy_destroy(t);
}

Test(jit_exclusives, lost_to_another_store)
{
    struct toy *t = machine();
    uint64_t *m = toy_host(t, TOY_DATA);
    EACH_EXCLUSIVE(w)
    {
        unsigned size = (1u + w.pair) << w.log2;
        for (unsigned n = 0; n < size; n++) { // any byte of it
            fill_pair(m);
            load_exclusive(t, w, m);
            ((uint8_t *)m)[n] ^= 0x40;
            uint64_t was[2] = {m[0], m[1]};
            cr_expect(!store_exclusive(t, w), "STX %u/%u succeeds although byte %u changed", w.log2,
                      w.pair, n);
            cr_expect(was[0] == m[0] && was[1] == m[1], "STX %u/%u stored", w.log2, w.pair);
        }
        // A neighbour's store is nobody's business.
        fill_pair(m);
        load_exclusive(t, w, m);
        ((uint8_t *)m)[size] ^= 0x40;
        cr_expect(store_exclusive(t, w), "STX %u/%u fails for a neighbour's sake", w.log2, w.pair);
    }
    toy_destroy(t);
}

Test(jit_exclusives, cleared_or_elsewhere)
{
    struct toy *t = machine();
    uint64_t *m = toy_host(t, TOY_DATA);
    t->cpu.r[BASE] = TOY_DATA;
    EACH_EXCLUSIVE(w)
    {
        fill_pair(m);
        cr_expect(!store_exclusive(t, w), "STX %u/%u without LDX succeeds", w.log2, w.pair);
        load_exclusive(t, w, m);
        cr_assert(run(t, (struct what){.op = IR_CLREX}));
        cr_expect(!store_exclusive(t, w), "STX %u/%u after CLREX succeeds", w.log2, w.pair);

        load_exclusive(t, w, m);
        t->cpu.r[BASE] = TOY_DATA + 16;
        cr_expect(!store_exclusive(t, w), "STX %u/%u elsewhere succeeds", w.log2, w.pair);
        t->cpu.r[BASE] = TOY_DATA;
        cr_expect(!store_exclusive(t, w), "STX %u/%u succeeds after one elsewhere", w.log2, w.pair);

        load_exclusive(t, w, m);
        struct what other = w;
        other.log2 = w.pair ? 5 - w.log2 : (w.log2 + 1) % 4;
        cr_expect(!store_exclusive(t, other), "STX of another size than %u/%u succeeds", w.log2,
                  w.pair);
        cr_expect_eq(m[0], 0x8899aabbccddeeff, "STX %u/%u stored", w.log2, w.pair);
    }
    toy_destroy(t);
}

// Faults ------------------------------------------------------------------------------------------

static const struct what all[] = {
    {.op = IR_ATOMIC, .kind = IR_ATOMIC_ADD, .log2 = 0},
    {.op = IR_ATOMIC, .kind = IR_ATOMIC_SMAX, .log2 = 1},
    {.op = IR_ATOMIC, .kind = IR_ATOMIC_SWP, .log2 = 2},
    {.op = IR_ATOMIC, .kind = IR_ATOMIC_CAS, .log2 = 3},
    {.op = IR_CASP, .log2 = 2},
    {.op = IR_CASP, .log2 = 3},
    {.op = IR_LDX, .log2 = 1},
    {.op = IR_LDX, .log2 = 3},
    {.op = IR_LDX, .log2 = 2, .pair = 1},
    {.op = IR_LDX, .log2 = 3, .pair = 1},
    {.op = IR_STX, .log2 = 1},
    {.op = IR_STX, .log2 = 3},
    {.op = IR_STX, .log2 = 2, .pair = 1},
    {.op = IR_STX, .log2 = 3, .pair = 1},
};

static unsigned size_of(const struct what *w)
{
    return (1u + (w->pair || w->op == IR_CASP)) << w->log2;
}

// A read-modify-write's fault is the load's where a load would have had it: everywhere but on the
// page that may only be read (TOY_DATA, to a privileged access) and where there is no RAM.
static enum mem_access reported(const struct what *w, gva_t va, enum mem_fault_kind kind)
{
    if (w->op == IR_LDX || w->op == IR_STX)
        return w->op == IR_LDX ? MEM_READ : MEM_WRITE;
    bool readable = kind == FAULT_BUS || (kind == FAULT_WALK && va == TOY_DATA && !(w->attr & MEM_UNPRIV));
    return readable ? MEM_WRITE : MEM_READ;
}

static void expect_fault(struct toy *t, const struct what *w, gva_t va, enum mem_fault_kind kind)
{
    struct vcpu *cpu = &t->cpu;
    cpu->r[BASE] = va;
    cpu->r[B] = 1;
    cpu->r[C] = 2;
    cpu->r[D] = 3;
    cpu->r[D2] = 4;
    cpu->excl_size = 99;
    bool ok = run(t, *w);
    cr_expect(!ok && t->fault.kind == kind && t->fault.va == va, "%s %u/%u at %#lx: %s %d at %#lx, not %d",
              ir_op_info[w->op].name, w->log2, w->pair, va, ok ? "done" : "fault", t->fault.kind, t->fault.va, kind);
    cr_expect_eq(t->fault.access, reported(w, va, kind), "%s: access %d", ir_op_info[w->op].name, t->fault.access);
    cr_expect(cpu->r[BASE] == va && cpu->r[B] == 1 && cpu->r[C] == 2 && cpu->r[D] == 3 && cpu->r[D2] == 4 &&
                  cpu->excl_size == 99,
              "%s %u/%u at %#lx left a trace", ir_op_info[w->op].name, w->log2, w->pair, va);
}

Test(jit_atomics, alignment)
{
    struct toy *t = machine();
    uint8_t *m = toy_host(t, TOY_DATA), was[64];
    toy_pattern(m, 64, 1);
    memcpy(was, m, 64);
    for (unsigned n = 0; n < ARRAY_SIZE(all); n++) {
        for (unsigned round = 0; round < 2; round++) {
            for (unsigned off = 1; off < size_of(&all[n]); off++)
                expect_fault(t, &all[n], TOY_DATA + off, FAULT_ALIGNMENT);
            cr_expect(!memcmp(m, was, 64), "%s wrote", ir_op_info[all[n].op].name);
            uint64_t word = 0;
            mem_store(&t->cpu, TOY_DATA + 128, 8, 0, &word); // the page is in the write TLB now
            mem_load(&t->cpu, TOY_DATA + 128, 8, 0, &word);
        }
        if (size_of(&all[n]) > 1)
            expect_fault(t, &all[n], TOY_DATA + PAGE_SIZE - 1, FAULT_ALIGNMENT);
    }
    toy_destroy(t);
}

Test(jit_atomics, read_only_unmapped_and_device_pages)
{
    struct toy *t = machine();
    toy_map(t, TOY_DATA, TOY_DATA, PAGE_BITS, TOY_R | TOY_GLOBAL);
    toy_unmap(t, TOY_DATA + PAGE_SIZE);
    toy_map(t, TOY_DATA + 2 * PAGE_SIZE, TOY_DEV, PAGE_BITS, TOY_ALL); // not device by attribute
    for (unsigned n = 0; n < ARRAY_SIZE(all); n++) {
        expect_fault(t, &all[n], TOY_DATA + PAGE_SIZE, FAULT_WALK);
        if (all[n].op == IR_LDX) {
            t->cpu.r[BASE] = TOY_DATA;
            cr_expect(run(t, all[n]), "LDX of a read-only page");
            continue;
        }
        expect_fault(t, &all[n], TOY_DATA, FAULT_WALK);
        expect_fault(t, &all[n], TOY_DATA + 2 * PAGE_SIZE, FAULT_BUS);
        expect_fault(t, &all[n], TOY_DEV, FAULT_BUS);
        expect_fault(t, &all[n], TOY_ROM, FAULT_BUS);
        cr_expect_eq(t->nr_mmio, 0, "%s reached the device", ir_op_info[all[n].op].name);
    }
    toy_destroy(t);
}

Test(jit_atomics, unprivileged_and_write_tlb)
{
    struct toy *t = machine();
    toy_map(t, TOY_DATA, TOY_DATA, PAGE_BITS, TOY_ALL & ~TOY_USER);
    struct what plain = {.op = IR_ATOMIC, .kind = IR_ATOMIC_ADD, .log2 = 3}, user = plain;
    user.attr = MEM_UNPRIV;
    t->cpu.r[BASE] = TOY_DATA;
    cr_expect(run(t, plain));
    unsigned walks = t->nr_translates;
    t->cpu.r[BASE] = TOY_DATA + 8;
    cr_expect(run(t, plain));
    cr_expect_eq(t->nr_translates, walks, "an atomic access did not enter the TLB");
    expect_fault(t, &user, TOY_DATA, FAULT_WALK);
    toy_destroy(t);
}

// Against another thread --------------------------------------------------------------------------

#define ROUNDS 20000

static void *add_from_host(void *opaque)
{
    for (unsigned n = 0; n < ROUNDS; n++)
        __atomic_fetch_add((uint64_t *)opaque, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

// The guest's loop: either ATOMIC_ADD, or LDX, add, STX until it succeeds; r[20] counts down.
static void emit_loop_end(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_br_if(ir, IR_BR_NZ, IR_I64, ir_r(arg & 0xff), 0, (int64_t)ir->cur_off - (arg >> 8) * 4);
}

static void emit_add(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_ADD(ir, IR_I64, ir_r(arg & 0xff), ir_r(arg >> 8), ir_const(ir, arg & 0x8000 ? 0 : 1));
}

static void emit_count_down(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_SUB(ir, IR_I64, ir_r(BEFORE), ir_r(BEFORE), ir_const(ir, 1));
}

Test(jit_atomics, no_update_is_lost, .timeout = 30)
{
    struct toy *t = machine();
    uint64_t *m = toy_host(t, TOY_DATA);
    t->emit[3] = emit_loop_end;
    t->emit[4] = emit_add;
    t->emit[5] = emit_count_down;
    struct what add = {.op = IR_ATOMIC, .kind = IR_ATOMIC_ADD, .log2 = 3};
    struct what ldx = {.op = IR_LDX, .log2 = 3}, stx = {.op = IR_STX, .log2 = 3};
    TOY_CODE_AT(t, TOY_CODE, toy_word(1, pack(add)), toy_word(5, 0), toy_word(3, BEFORE | 2 << 8),
                0);
    TOY_CODE_AT(t, TOY_CODE + 0x100, toy_word(1, pack(ldx)), toy_word(4, B | D << 8),
                toy_word(1, pack(stx)), toy_word(3, D | 3 << 8), toy_word(5, 0),
                toy_word(3, BEFORE | 5 << 8), 0);
    for (unsigned way = 0; way < 2; way++) {
        pthread_t other;
        *m = 0;
        t->cpu.r[BASE] = TOY_DATA;
        t->cpu.r[B] = 1;
        t->cpu.r[BEFORE] = ROUNDS;
        cr_assert_eq(pthread_create(&other, NULL, add_from_host, m), 0);
        toy_run(t, TOY_CODE + 0x100 * way);
        pthread_join(other, NULL);
        cr_expect_eq(*m, 2 * ROUNDS, "%s: %lu of %u", way ? "exclusives" : "atomic add", *m,
                     2 * ROUNDS);
    }
    toy_destroy(t);
}
