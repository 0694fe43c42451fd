// SPDX-License-Identifier: GPL-3.0-or-later
// Atomicity among CPUs: exclusives and LSE of every size and order on one place, with plain stores
// to the bytes beside it; locks; pairs that are never torn; what is misaligned.
//
// Sums must add up and invariants hold; which CPU came when is not looked at.
#include "smp.h"

// What all work on: a counter (or a pair) and bytes that each CPU has for itself, side by side.
static union cell {
    volatile u64 x[4];
    volatile u8 byte[32];
} cell __attribute__((aligned(4096)));

static struct smp_barrier barrier;

static u64 size_mask(unsigned size)
{
    return size == 3 ? ~0ull : BIT(8 << size) - 1;
}

// A CPU's own byte beside the counter; others' atomics must not undo its plain stores. `at` is the
// first of such bytes.
static void own_byte(const char *what, unsigned cpu, unsigned at, u64 i)
{
    volatile u8 *own = &cell.byte[at + cpu];
    u8 was = *own;
    if (was != (u8)(i - 1))
        smp_forbidden(what, at, was, (u8)(i - 1));
    *own = (u8)i;
    if (*own != (u8)i)
        smp_forbidden(what, at, *own, (u8)i);
}

static void clear(void)
{
    for (unsigned n = 0; n < ARRAY_SIZE(cell.x); n++)
        cell.x[n] = 0;
}

static void begin(unsigned cpu)
{
    smp_wait_all(&barrier, smp_count);
    isb();
}

static void result(const char *what, unsigned size, unsigned order, u64 got, u64 want)
{
    print("%s size %d order %d: %s\n", (u64)what, size, order,
          got == want ? "adds up" : "FORBIDDEN");
    if (got != want)
        print("~ %x, not %x\n", got, want);
}

// LSE ---------------------------------------------------------------------------------------------
// Stubs "op Rt = x0, Rs = x0, [x1]; ret" in the page that is executable.

enum op { ADD, CLR, EOR, SET, SMAX, SMIN, UMAX, UMIN, SWP, CAS };

static u32 *stub_at(enum op op, unsigned size, unsigned order)
{
    return (u32 *)el1_code_page + ((op * 4 + size) * 4 + order) * 2;
}

static void make_stubs(void)
{
    for (unsigned op = 0; op <= CAS; op++)
        for (unsigned size = 0; size < 4; size++)
            for (unsigned order = 0; order < 4; order++) {
                u32 *p = stub_at(op, size, order);
                u32 insn = 0x38200000 | order << 22 | 0 << 16 | 1 << 5 | 0;
                insn |= op == SWP ? 8u << 12 : op << 12;
                if (op == CAS) // compares x0, stores x2
                    insn = 0x08a07c00 | (order >> 1) << 22 | (order & 1) << 15 | 1 << 5 | 2;
                volatile u32 *to = (volatile u32 *)((u64)p + RW_ALIAS);
                to[0] = insn | size << 30;
                to[1] = 0xd65f03c0;
            }
    sync_code((u64)el1_code_page, 4096);
}

typedef u64 stub(u64 value, volatile void *p, u64 value2);

struct lse {
    enum op op;
    unsigned size, order;
    u64 rounds;
    u64 sum[SMP_MAX];
};

static stub *stub_of(const struct lse *l, enum op op)
{
    return (stub *)stub_at(op, l->size, l->order);
}

static const char *name_of(enum op op)
{
    static const char name[][8] = {"ldadd",  "ldclr",  "ldeor",  "ldset", "ldsmax",
                                   "ldsmin", "ldumax", "ldumin", "swp",   "cas"};
    return name[op];
}

// The largest value that is positive in this size; what the maxima go up to.
static u64 top(const struct lse *l, u64 i)
{
    u64 most = size_mask(l->size) >> 1;
    return i < most ? i : most;
}

// Round i of a CPU, from 1 on; *last is what it saw the time before.
static void lse_round(struct lse *l, unsigned cpu, u64 i, u64 *last)
{
    stub *fn = stub_of(l, l->op);
    u64 mask = size_mask(l->size), bit = BIT(cpu), old = 0;
    bool wrong = false;
    switch (l->op) {
    case ADD:
        fn(1, &cell, 0);
        break;
    case CAS:
        do
            old = cell.x[0] & mask;
        while (fn(old, &cell, old + 1) != old);
        break;
    case EOR:
        old = fn(bit, &cell, 0);
        wrong = !!(old & bit) == (i & 1);
        break;
    case SET:
        old = fn(bit, &cell, 0);
        wrong = old & bit || !(stub_of(l, CLR)(bit, &cell, 0) & bit);
        break;
    case SWP:
        old = (i * 8 + cpu) & mask;
        l->sum[cpu] += old - fn(old, &cell, 0);
        break;
    case SMAX:
    case UMAX:
        old = fn(top(l, i), &cell, 0);
        wrong = old < *last || old < top(l, i - 1);
        break;
    default:
        old = fn(top(l, ~0ull) - top(l, i), &cell, 0);
        wrong = old > *last || old > top(l, ~0ull) - top(l, i - 1);
    }
    if (wrong)
        smp_forbidden(name_of(l->op), l->size << 4 | l->order, old, i);
    *last = old;
}

static void lse_work(unsigned cpu, void *arg)
{
    struct lse *l = arg;
    u64 last = l->op == SMIN || l->op == UMIN ? ~0ull : 0;
    begin(cpu);
    for (u64 i = 1; i <= l->rounds; i++) {
        lse_round(l, cpu, i, &last);
        own_byte(name_of(l->op), cpu, 1 << l->size, i);
    }
}

static void lse(enum op op, unsigned size, unsigned order)
{
    struct lse l = {.op = op, .size = size, .order = order, .rounds = smp_rounds(8)};
    u64 mask = size_mask(size), want = 0;
    clear();
    if (op == SMIN || op == UMIN)
        for (unsigned b = 0; b < 1u << size; b++)
            cell.byte[b] = (u8)(mask >> 1 >> 8 * b);
    smp_run(smp_count, lse_work, &l);
    for (unsigned cpu = 0; cpu < smp_count; cpu++) {
        want += op == ADD || op == CAS ? l.rounds : op == SWP ? l.sum[cpu] : 0;
        want |= op == EOR ? (l.rounds & 1) << cpu : 0;
    }
    if (op == SMAX || op == UMAX)
        want = top(&l, l.rounds);
    if (op == SMIN || op == UMIN)
        want = top(&l, ~0ull) - top(&l, l.rounds);
    result(name_of(op), size, order, cell.x[0] & mask, want & mask);
}

// Exclusives --------------------------------------------------------------------------------------

struct work {
    unsigned size, order;
    u64 rounds;
};

#define ADD_LOOP(load, store, r)                                                                   \
    asm volatile("1: " load " " r "0, [%0]\n add x0, x0, #1\n " store " w1, " r "0, [%0]\n"        \
                 " cbnz w1, 1b" ::"r"(&cell)                                                       \
                 : "x0", "x1", "memory")

static void exclusive_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    begin(cpu);
    for (u64 i = 1; i <= w->rounds; i++) {
        switch (w->size * 2 + w->order) {
        case 0:
            ADD_LOOP("ldxrb", "stxrb", "w");
            break;
        case 1:
            ADD_LOOP("ldaxrb", "stlxrb", "w");
            break;
        case 2:
            ADD_LOOP("ldxrh", "stxrh", "w");
            break;
        case 3:
            ADD_LOOP("ldaxrh", "stlxrh", "w");
            break;
        case 4:
            ADD_LOOP("ldxr", "stxr", "w");
            break;
        case 5:
            ADD_LOOP("ldaxr", "stlxr", "w");
            break;
        case 6:
            ADD_LOOP("ldxr", "stxr", "x");
            break;
        default:
            ADD_LOOP("ldaxr", "stlxr", "x");
        }
        own_byte("exclusive", cpu, 1 << w->size, i);
    }
}

static void exclusive(unsigned size, unsigned order)
{
    struct work w = {size, order, smp_rounds(4)};
    clear();
    smp_run(smp_count, exclusive_work, &w);
    result("exclusive", size, order, cell.x[0] & size_mask(size),
           w.rounds * smp_count & size_mask(size));
}

// Exclusives, LSE and CAS on one counter at once.
static void mixed_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    struct lse l = {.size = 3, .order = 3};
    begin(cpu);
    for (u64 i = 1; i <= w->rounds; i++) {
        u64 last = 0;
        l.op = i & 1 ? CAS : ADD;
        if ((i + cpu) % 3)
            lse_round(&l, cpu, i, &last);
        else
            ADD_LOOP("ldxr", "stxr", "x");
        own_byte("mixed", cpu, 8, i);
    }
}

static void mixed(void)
{
    struct work w = {3, 3, smp_rounds(1)};
    clear();
    smp_run(smp_count, mixed_work, &w);
    result("mixed", 3, 3, cell.x[0], w.rounds * smp_count);
}

// A plain store of another CPU between LDXR and STXR, of another value: the STXR must fail. CPUs 0
// and 1 take turns.
static struct smp_barrier between;

static void monitor_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    for (u64 i = 1; i <= w->rounds; i++) {
        bool mine = (i & 1) == cpu;
        u64 status = 1, old;
        smp_wait_all(&barrier, 2);
        if (mine)
            asm volatile("ldxr %0, %1" : "=r"(old) : "Q"(cell.x[0]) : "memory");
        smp_wait_all(&between, 2);
        if (!mine)
            cell.x[0] = i + 1000;
        smp_wait_all(&between, 2);
        if (!mine)
            continue;
        asm volatile("stxr %w0, xzr, %1" : "=&r"(status), "=Q"(cell.x[0])::"memory");
        if (!(u32)status || cell.x[0] != i + 1000)
            smp_forbidden("monitor", status, cell.x[0], i);
    }
}

static void monitor(void)
{
    if (smp_count < 2)
        return;
    struct work w = {3, 0, smp_rounds(64)};
    clear();
    smp_run(2, monitor_work, &w);
    print("monitor: done\n");
}

// Locks -------------------------------------------------------------------------------------------

static struct {
    volatile u64 lock, pad0[15];
    volatile u64 ticket, owner, pad1[14];
    volatile u64 a, b;
} guarded_by __attribute__((aligned(128)));

static void lock_exclusive(void)
{
    asm volatile("sevl\n"
                 "1: wfe\n"
                 "2: ldaxr x0, [%0]\n"
                 "   cbnz x0, 1b\n"
                 "   stxr w0, %1, [%0]\n"
                 "   cbnz w0, 2b" ::"r"(&guarded_by.lock),
                 "r"(1ull)
                 : "x0", "memory");
}

static void lock_swap(void)
{
    u64 was;
    for (unsigned n = 1;; n++) {
        asm volatile("swpa %2, %0, %1" : "=r"(was), "+Q"(guarded_by.lock) : "r"(1ull) : "memory");
        if (!was)
            return;
        yield();
        if (!(n & 63))
            asm volatile("wfe");
    }
}

static void lock_ticket(void)
{
    u64 mine, owner;
    asm volatile("ldadda %2, %0, %1" : "=r"(mine), "+Q"(guarded_by.ticket) : "r"(1ull) : "memory");
    asm volatile("sevl\n"
                 "1: wfe\n"
                 "   ldaxr %0, %1\n"
                 "   cmp %0, %2\n"
                 "   b.ne 1b"
                 : "=&r"(owner)
                 : "Q"(guarded_by.owner), "r"(mine)
                 : "cc", "memory");
}

static void locked_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    begin(cpu);
    for (u64 i = 0; i < w->rounds; i++) {
        if (w->order == 0)
            lock_exclusive();
        else if (w->order == 1)
            lock_swap();
        else
            lock_ticket();
        u64 a = guarded_by.a, b = guarded_by.b;
        if (a * 3 != b)
            smp_forbidden("lock", w->order, a, b);
        guarded_by.a = a + 1;
        guarded_by.b = b + 3;
        if (w->order == 2)
            store_release(&guarded_by.owner, guarded_by.owner + 1);
        else
            store_release(&guarded_by.lock, 0);
        // The store wakes who has the monitor armed; sev() is for lock_swap().
        if (w->order == 1)
            sev();
    }
}

static void locks(void)
{
    for (unsigned order = 0; order < 3; order++) {
        struct work w = {3, order, smp_rounds(4)};
        guarded_by.a = guarded_by.b = 0;
        smp_run(smp_count, locked_work, &w);
        result("lock", 3, order, guarded_by.a, w.rounds * smp_count);
    }
}

// Pairs -------------------------------------------------------------------------------------------
// The second half is a function of the first. A pair of words is one access of 64 bits.

#define HASH 0x9e3779b97f4a7c15ull

struct pair {
    u64 a, b;
};

static struct pair ldxp_add(void)
{
    struct pair p;
    asm volatile("1: ldaxp %0, %1, [%2]\n"
                 "   add x2, %0, #1\n"
                 "   mul x3, x2, %3\n"
                 "   stlxp w4, x2, x3, [%2]\n"
                 "   cbnz w4, 1b"
                 : "=&r"(p.a), "=&r"(p.b)
                 : "r"(&cell), "r"(HASH)
                 : "x2", "x3", "x4", "memory");
    return p;
}

// An LDXP is one access of 128 bits if its STXP of the same values succeeds.
static struct pair ldxp_look(void)
{
    struct pair p;
    asm volatile("1: ldxp %0, %1, [%2]\n"
                 "   stxp w4, %0, %1, [%2]\n"
                 "   cbnz w4, 1b"
                 : "=&r"(p.a), "=&r"(p.b)
                 : "r"(&cell)
                 : "x4", "memory");
    return p;
}

#define CASP(insn, r)                                                                              \
    static struct pair insn##_##r(u64 a, u64 b, u64 c, u64 d)                                      \
    {                                                                                              \
        register u64 x0 asm("x0") = a;                                                             \
        register u64 x1 asm("x1") = b;                                                             \
        register u64 x2 asm("x2") = c;                                                             \
        register u64 x3 asm("x3") = d;                                                             \
        asm volatile(#insn " " #r "0, " #r "1, " #r "2, " #r "3, [%4]"                             \
                     : "+r"(x0), "+r"(x1)                                                          \
                     : "r"(x2), "r"(x3), "r"(&cell)                                                \
                     : "memory");                                                                  \
        return (struct pair){x0, x1};                                                              \
    }
CASP(casp, x)
CASP(caspa, x)
CASP(caspl, x)
CASP(caspal, x)
CASP(casp, w)
CASP(caspa, w)
CASP(caspl, w)
CASP(caspal, w)

static struct pair casp_any(unsigned order, bool words, struct pair old, struct pair new)
{
    switch (order + words * 4) {
    case 0:
        return casp_x(old.a, old.b, new.a, new.b);
    case 1:
        return caspl_x(old.a, old.b, new.a, new.b);
    case 2:
        return caspa_x(old.a, old.b, new.a, new.b);
    case 3:
        return caspal_x(old.a, old.b, new.a, new.b);
    case 4:
        return casp_w(old.a, old.b, new.a, new.b);
    case 5:
        return caspl_w(old.a, old.b, new.a, new.b);
    case 6:
        return caspa_w(old.a, old.b, new.a, new.b);
    default:
        return caspal_w(old.a, old.b, new.a, new.b);
    }
}

static struct pair casp_add(unsigned order, bool words)
{
    u64 mask = words ? 0xffffffff : ~0ull;
    struct pair old = {cell.x[0] & mask, 0};
    for (;;) {
        old.b = old.a * HASH & mask;
        struct pair new = {(old.a + 1) & mask, (old.a + 1) * HASH & mask};
        struct pair got = casp_any(order, words, old, new);
        if (got.b != (got.a * HASH & mask))
            smp_forbidden("casp is torn", order + words * 4, got.a, got.b);
        if (got.a == old.a && got.b == old.b)
            return got;
        old = got;
    }
}

static struct pair word_pair_look(u64 i)
{
    struct pair p = {0, 0};
    if (i & 1) {
        asm volatile("ldxp %w0, %w1, [%2]" : "=&r"(p.a), "=&r"(p.b) : "r"(&cell) : "memory");
    } else {
        p.a = cell.x[0];
        p.b = p.a >> 32;
        p.a &= 0xffffffff;
    }
    return p;
}

static struct pair word_pair_add(void)
{
    struct pair p = {0, 0};
    asm volatile("1: ldxp %w0, %w1, [%2]\n"
                 "   add w2, %w0, #1\n"
                 "   mul w3, w2, %w3\n"
                 "   stxp w4, w2, w3, [%2]\n"
                 "   cbnz w4, 1b"
                 : "=&r"(p.a), "=&r"(p.b)
                 : "r"(&cell), "r"(HASH)
                 : "x2", "x3", "x4", "memory");
    return p;
}

// size 3: pairs of 64 bits, 2: of words. order 0-3: CASP's, 4: exclusives.
static void pair_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    bool words = w->size == 2;
    u64 mask = words ? 0xffffffff : ~0ull, last = 0;
    begin(cpu);
    for (u64 i = 1; i <= w->rounds; i++) {
        struct pair p = w->order < 4 ? casp_add(w->order, words)
                        : words      ? word_pair_add()
                                     : ldxp_add();
        struct pair q = words ? word_pair_look(i) : w->order == 4 ? ldxp_look() : p;
        if (p.b != (p.a * HASH & mask) || q.b != (q.a * HASH & mask) || (i > 1 && p.a <= last) ||
            q.a < p.a)
            smp_forbidden("pair", w->size << 4 | w->order, p.a, q.a);
        last = p.a;
        if (words)
            own_byte("pair", cpu, 8, i);
    }
}

static void pairs(void)
{
    for (unsigned size = 2; size < 4; size++)
        for (unsigned order = 0; order < 5; order++) {
            struct work w = {size, order, smp_rounds(4)};
            clear();
            smp_run(smp_count, pair_work, &w);
            result("pair", size, order, cell.x[0] & (size == 2 ? 0xffffffff : ~0ull),
                   w.rounds * smp_count);
        }
}

// 128-bit exclusives and CASP against plain bytes within the 16: low half counted, high half bytes.
static void wide_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    begin(cpu);
    for (u64 i = 1; i <= w->rounds; i++) {
        struct pair p;
        if (w->order) {
            do {
                p = (struct pair){cell.x[0], cell.x[1]};
                struct pair new = {p.a + 1, p.b}, got = casp_any(3, false, p, new);
                if (got.a == p.a && got.b == p.b)
                    break;
            } while (true);
        } else {
            asm volatile("1: ldxp x0, x1, [%0]\n"
                         "   add x0, x0, #1\n"
                         "   stxp w2, x0, x1, [%0]\n"
                         "   cbnz w2, 1b" ::"r"(&cell)
                         : "x0", "x1", "x2", "memory");
        }
        own_byte("wide", cpu, 8, i);
    }
}

static void wide(void)
{
    for (unsigned order = 0; order < 2; order++) {
        struct work w = {4, order, smp_rounds(4)};
        clear();
        smp_run(smp_count, wide_work, &w);
        result("wide", 4, order, cell.x[0], w.rounds * smp_count);
    }
}

// Single-copy atomicity of plain accesses
// ----------------------------------------------------------- Each writer stores values whose bytes
// are all equal; a reader sees none that is mixed, in any access that lies within the aligned one
// that wrote.

static bool uniform(u64 v, unsigned bytes)
{
    u64 all = (v & 0xff) * 0x0101010101010101ull;
    return !((v ^ all) & size_mask(bytes == 8 ? 3 : bytes == 4 ? 2 : bytes == 2 ? 1 : 0));
}

#define LOOK(insn, r, bytes, at)                                                                   \
    do {                                                                                           \
        u64 v_;                                                                                    \
        asm volatile(insn " %" r "0, [%1, %2]" : "=r"(v_) : "r"(&cell), "i"(at) : "memory");       \
        if (!uniform(v_, bytes))                                                                   \
            smp_forbidden("torn " insn, w->size, at, v_);                                          \
    } while (0)

static void torn_work(unsigned cpu, void *arg)
{
    struct work *w = arg;
    begin(cpu);
    for (u64 i = 1; i <= w->rounds; i++) {
        u64 v = (u8)(i * 8 + cpu) * 0x0101010101010101ull, lo, hi;
        asm volatile("stp %0, %0, [%1]" ::"r"(v), "r"(&cell) : "memory");
        LOOK("ldr", "x", 8, 0);
        LOOK("ldr", "x", 8, 8);
        LOOK("ldr", "w", 4, 4);
        LOOK("ldrh", "w", 2, 6);
        asm volatile("ldp %0, %1, [%2]" : "=r"(lo), "=r"(hi) : "r"(&cell) : "memory");
        if (!uniform(lo, 8) || !uniform(hi, 8))
            smp_forbidden("torn ldp", w->size, lo, hi);
        asm volatile("fmov d1, %0\n dup v1.2d, v1.d[0]\n str q1, [%1]" ::"r"(v), "r"(&cell)
                     : "memory");
        asm volatile("ldr q2, [%2]\n fmov %0, d2\n mov %1, v2.d[1]"
                     : "=r"(lo), "=r"(hi)
                     : "r"(&cell)
                     : "memory");
        if (!uniform(lo, 8) || !uniform(hi, 8))
            smp_forbidden("torn q", w->size, lo, hi);
        asm volatile("stlr %0, [%1]" ::"r"(~v), "r"(&cell) : "memory");
        asm volatile("ldar %0, [%1]" : "=r"(lo) : "r"(&cell) : "memory");
        if (!uniform(lo, 8))
            smp_forbidden("torn ldar", w->size, lo, 0);
    }
}

static void torn(void)
{
    struct work w = {3, 0, smp_rounds(2)};
    clear();
    smp_run(smp_count, torn_work, &w);
    print("plain accesses: done\n");
}

// Misaligned --------------------------------------------------------------------------------------
// Without FEAT_LSE2 these fault whatever they cross, on every CPU, and store nothing. (A
// store-exclusive may look at its monitor first.)

#define AT(insn, at)                                                                               \
    do {                                                                                           \
        u64 esr_ = TRY(cpu, insn, ::TRY_INPUT, "r"((u64)&cell + (at))                              \
                       : "x0", "x1", "x2", "x3", "x4", "x9", "memory");                            \
        /* EC: a data abort of the same EL; DFSC: alignment. */                                    \
        if (EC(esr_) != 0x25 || (esr_ & 0x3f) != 0x21 || cpu->far != (u64)&cell + (at))            \
            smp_forbidden("misaligned " insn, at, esr_, cpu->far);                                 \
    } while (0)

static void misaligned_work(unsigned n, void *arg)
{
    struct smp_cpu *cpu = smp_self();
    begin(n);
    static const u16 odd[] = {1, 7, 15, 63, 4095};
    for (unsigned i = 0; i < ARRAY_SIZE(odd); i++) {
        AT("ldaddal x0, x1, [%1]", odd[i]);
        AT("ldaddh w0, w1, [%1]", odd[i]);
        AT("swp w0, w1, [%1]", odd[i]);
        AT("cas x0, x1, [%1]", odd[i]);
        AT("casp x0, x1, x2, x3, [%1]", odd[i]);
        AT("ldxr x0, [%1]", odd[i]);
        AT("ldaxrh w0, [%1]", odd[i]);
        AT("ldxp x0, x1, [%1]", odd[i]);
    }
    AT("casp x0, x1, x2, x3, [%1]", 8);
    AT("ldxp x0, x1, [%1]", 8);
    AT("ldadd w0, w1, [%1]", 2);
}

static void misaligned(void)
{
    if (mrs(s3_0_c0_c7_2) >> 32 & 15) { // ID_AA64MMFR2_EL1.AT
        print("misaligned: done\n");
        return;
    }
    clear();
    smp_run(smp_count, misaligned_work, NULL);
    for (unsigned n = 0; n < ARRAY_SIZE(cell.x); n++)
        if (cell.x[n])
            smp_forbidden("misaligned, stored", n, cell.x[n], 0);
    print("misaligned: done\n");
}

void program(void)
{
    smp_start();
    make_stubs();
    for (unsigned size = 0; size < 4; size++) {
        for (unsigned order = 0; order < 4; order++) {
            static const u8 ops[] = {ADD, EOR, SET, SMAX, SMIN, UMAX, UMIN, SWP, CAS};
            for (unsigned n = 0; n < ARRAY_SIZE(ops); n++)
                lse(ops[n], size, order);
        }
        exclusive(size, 0);
        exclusive(size, 1);
    }
    mixed();
    monitor();
    locks();
    pairs();
    wide();
    torn();
    misaligned();
}
