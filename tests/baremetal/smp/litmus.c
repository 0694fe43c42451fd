// SPDX-License-Identifier: GPL-3.0-or-later
// Litmus tests: two to four CPUs, each a few instructions, on locations that all share; no outcome
// may be seen that the Arm memory model (DDI 0487 section B2.3) forbids.
//
// A test is its threads' bodies and a condition for what is forbidden ("0": everything is allowed,
// the counts are for the reader). Locations x, y, z are zero when a round begins. A batch of rounds
// has its locations each in lines of their own; threads meet before each round, roughly and for a
// bounded time, with random delays: this makes overlaps likely, and no result depends on it.
#include "smp.h"

#define BATCH    256
#define THREADS  4
#define SPINS    3000
#define PATIENCE 200

struct cell {
    volatile u64 x, unused_x[15];
    volatile u64 y, unused_y[15];
    volatile u64 z, unused_z[15];
} __attribute__((aligned(128)));

struct result {
    u64 a, b;
};

typedef void body(volatile u64 *x, volatile u64 *y, volatile u64 *z, struct result *r);

// What a round came to. ra: thread r's a; x, y, z: in the end.
struct outcome {
    u64 a0, b0, a1, b1, a2, b2, a3, b3, x, y, z;
};

static struct cell cells[BATCH];
static struct result results[THREADS][BATCH];
static struct smp_barrier barrier;
static struct {
    volatile u64 round;
} __attribute__((aligned(128))) met[THREADS];

static struct test {
    unsigned threads;
    u64 rounds, before; // and how many earlier tests had
    body *body[THREADS];
} test;

// Bodies: x2, x3, x4 are the addresses of x, y, z, x0 and x1 the results a and b (0 at first); x5
// and x6 hold 1 and 2, x7 and x8 are scratch.
#define BODY(name, text)                                                                           \
    static void name(volatile u64 *x, volatile u64 *y, volatile u64 *z, struct result *r)          \
    {                                                                                              \
        register u64 a asm("x0") = 0, b asm("x1") = 0;                                             \
        register u64 rx asm("x2") = (u64)x, ry asm("x3") = (u64)y, rz asm("x4") = (u64)z;          \
        asm volatile(INIT text                                                                     \
                     : "+r"(a), "+r"(b)                                                            \
                     : "r"(rx), "r"(ry), "r"(rz)                                                   \
                     : "x5", "x6", "x7", "x8", "memory", "cc");                                    \
        r->a = a;                                                                                  \
        r->b = b;                                                                                  \
    }
#define INIT "mov x5, #1\n mov x6, #2\n mov x7, #0\n"

// One access each: Wx1 writes 1 to x, RAx reads x to a.
#define Wx1 "str x5, [x2]\n"
#define Wx2 "str x6, [x2]\n"
#define Wy1 "str x5, [x3]\n"
#define Wy2 "str x6, [x3]\n"
#define Wz1 "str x5, [x4]\n"
#define RAx "ldr x0, [x2]\n"
#define RAy "ldr x0, [x3]\n"
#define RAz "ldr x0, [x4]\n"
#define RBx "ldr x1, [x2]\n"
#define RBy "ldr x1, [x3]\n"
// release and acquire
#define LWx1 "stlr x5, [x2]\n"
#define LWx2 "stlr x6, [x2]\n"
#define LWy1 "stlr x5, [x3]\n"
#define LWy2 "stlr x6, [x3]\n"
#define LWz1 "stlr x5, [x4]\n"
#define AAx  "ldar x0, [x2]\n"
#define AAy  "ldar x0, [x3]\n"
#define AAz  "ldar x0, [x4]\n"
#define ABx  "ldar x1, [x2]\n"
#define ABy  "ldar x1, [x3]\n"
#define QAx  "ldapr x0, [x2]\n"
#define QAy  "ldapr x0, [x3]\n"
#define QBx  "ldapr x1, [x2]\n"
#define QBy  "ldapr x1, [x3]\n"
// barriers
#define SY  "dmb sy\n"
#define ISH "dmb ish\n"
#define LD  "dmb ishld\n"
#define ST  "dmb ishst\n"
#define DSB "dsb ish\n"
// dependencies on x0: address of x or y, data for a store of 1, control
#define ADDR_RBx "eor x7, x0, x0\n ldr x1, [x2, x7]\n"
#define ADDR_RBy "eor x7, x0, x0\n ldr x1, [x3, x7]\n"
#define DATA_Wy1 "eor x7, x0, x0\n add x7, x7, #1\n str x7, [x3]\n"
#define DATA_Wx1 "eor x7, x0, x0\n add x7, x7, #1\n str x7, [x2]\n"
#define DATA_Wz1 "eor x7, x0, x0\n add x7, x7, #1\n str x7, [x4]\n"
#define CTRL     "cbnz x0, 1f\n1:\n"
#define CTRL_ISB "cbnz x0, 1f\n1: isb\n"
// LSE and exclusives as accesses: read and write at once, the write of 1 or 2, the read by adding 0
#define SWPLy1  "swpl x5, x7, [x3]\n"
#define SWPALx1 "swpal x5, x7, [x2]\n"
#define SWPALy1 "swpal x5, x7, [x3]\n"
#define SWPALz1 "swpal x5, x7, [x4]\n"
#define ADDLy1  "ldaddl x5, x7, [x3]\n"
#define ADDAAy  "ldadda xzr, x0, [x3]\n"
#define CASLy1  "mov x7, #0\n casl x7, x5, [x3]\n"
#define CASAAy  "mov x0, #5\n casa x0, x0, [x3]\n"
#define EXLy1   "1: ldxr x7, [x3]\n stlxr w8, x5, [x3]\n cbnz w8, 1b\n"
#define EXAAy   "2: ldaxr x0, [x3]\n stxr w8, x0, [x3]\n cbnz w8, 2b\n"
#define EXALz1  "1: ldaxr x7, [x4]\n stlxr w8, x5, [x4]\n cbnz w8, 1b\n"

// Other sizes: x and y, or wider data around x
#define STRBx1  "strb w5, [x2]\n"
#define STRBy1  "strb w5, [x3]\n"
#define STRHx1  "strh w5, [x2]\n"
#define STRWx1  "str w5, [x2]\n"
#define STLRBx1 "stlrb w5, [x2]\n"
#define STLRBy1 "stlrb w5, [x3]\n"
#define STLRHy1 "stlrh w5, [x3]\n"
#define STLRWx1 "stlr w5, [x2]\n"
#define STLRWy1 "stlr w5, [x3]\n"
#define LDARBx  "ldarb w0, [x2]\n"
#define LDARBy  "ldarb w0, [x3]\n"
#define LDARHy  "ldarh w0, [x3]\n"
#define LDARWx  "ldar w0, [x2]\n"
#define LDARWy  "ldar w0, [x3]\n"
#define LDRBAy  "ldrb w0, [x3]\n"
#define LDRWAx  "ldr w0, [x2]\n"
#define LDRBx   "ldrb w1, [x2]\n"
#define LDRHx   "ldrh w1, [x2]\n"
#define LDRWx   "ldr w1, [x2]\n"
#define STRQx1  "fmov d0, x5\n str q0, [x2]\n"
#define LDRQx   "ldr q0, [x2]\n fmov x1, d0\n"
#define STPx1   "stp x5, xzr, [x2]\n"
#define LDPx    "ldp x1, x7, [x2]\n"
#define ISBN    "isb\n"
#define WORK    "add x7, x7, #3\n eor x7, x7, x6\n lsl x7, x7, #2\n"

// Running -----------------------------------------------------------------------------------------

// Not a barrier: no ordering, and it gives up, sooner where the other's host thread does not run.
static bool meet(unsigned cpu, u64 round)
{
    met[cpu].round = round;
    for (unsigned other = 0; other < test.threads; other++)
        for (unsigned spin = 0; met[other].round < round; spin++) {
            if (spin == SPINS)
                asm volatile("sevl\n wfe\n wfe" ::: "memory"); // that it may
            if (spin > SPINS + PATIENCE)
                return false;
        }
    return true;
}

static void delay(unsigned n)
{
    while (n--)
        asm volatile("");
}

static void batch(unsigned cpu, u64 first, u64 n)
{
    struct smp_cpu *self = smp_self();
    body *fn = test.body[cpu];
    unsigned apart = 0; // rounds to be run without looking for the others
    for (u64 i = 0; i < n; i++) {
        // Where more than two CPUs may have to share two host cores, not every time.
        if (apart)
            apart--;
        else if ((test.threads == 2 || !(i & 7)) && !meet(cpu, first + i + 1))
            apart = 32;
        unsigned skew = (unsigned)smp_random(self);
        if (skew & 1)
            delay(skew >> 8 & ((1u << (skew >> 1 & 7)) - 1));
        struct cell *c = &cells[i];
        fn(&c->x, &c->y, &c->z, &results[cpu][i]);
    }
}

// Outcomes are counted by their digits in base 3: a0 b0 a1 b1 ... x y z. Four threads' have no room
// for the final values.
static u64 histogram[19683];

static unsigned digit(u64 v, u64 round)
{
    if (v > 2)
        smp_forbidden("a value that nobody wrote", v, round, 0);
    return v % 3;
}

static void count(u64 n)
{
    for (u64 i = 0; i < n; i++) {
        struct cell *c = &cells[i];
        u64 key = 0;
        for (unsigned t = 0; t < test.threads; t++)
            key = (key * 3 + digit(results[t][i].a, i)) * 3 + digit(results[t][i].b, i);
        if (test.threads < 4)
            key = ((key * 3 + digit(c->x, i)) * 3 + digit(c->y, i)) * 3 + digit(c->z, i);
        histogram[key]++;
        c->x = c->y = c->z = 0;
    }
}

static void play(unsigned cpu, void *arg)
{
    for (u64 done = 0; done < test.rounds; done += BATCH) {
        u64 n = test.rounds - done < BATCH ? test.rounds - done : BATCH;
        smp_wait_all(&barrier, test.threads);
        batch(cpu, test.before + done, n);
        smp_wait_all(&barrier, test.threads);
        if (cpu == 0)
            count(n);
    }
}

static struct outcome decode(u64 key)
{
    u64 d[11] = {0};
    unsigned first = test.threads * 2, n = first + (test.threads < 4 ? 3 : 0);
    for (unsigned i = n; i-- > 0; key /= 3)
        d[i < first ? i : 8 + i - first] = key % 3;
    return (struct outcome){d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7], d[8], d[9], d[10]};
}

static void judge(const char *name, bool (*forbidden)(struct outcome o))
{
    u64 bad = 0, total = 0;
    print("~%s:", name);
    for (u64 key = 0; key < ARRAY_SIZE(histogram); key++) {
        if (!histogram[key])
            continue;
        struct outcome o = decode(key);
        print(" ");
        for (unsigned t = 0; t < test.threads; t++)
            print("%d%d.", (&o.a0)[t * 2], (&o.b0)[t * 2]);
        print("%d%d%d=%d", o.x, o.y, o.z, histogram[key]);
        if (forbidden(o)) {
            bad += histogram[key];
            print("!");
        }
        total += histogram[key];
        histogram[key] = 0;
    }
    print("\n%s: %s", name, total == test.rounds ? "complete" : "FORBIDDEN: rounds are missing");
    if (bad)
        print(", FORBIDDEN outcome %d times", bad);
    print("\n");
}

// The condition is an expression over the outcome o.
#define TEST(name, n, condition, ...)                                                              \
    do {                                                                                           \
        if (smp_count < n || n < smp_least_cpus())                                                 \
            break;                                                                                 \
        body *list_[THREADS] = {__VA_ARGS__};                                                      \
        test = (struct test){n, smp_rounds(1), test.before + test.rounds, {0}};                    \
        for (unsigned i_ = 0; i_ < n; i_++)                                                        \
            test.body[i_] = list_[i_];                                                             \
        bool forbidden_(struct outcome o)                                                          \
        {                                                                                          \
            return condition;                                                                      \
        }                                                                                          \
        smp_run(n, play, NULL);                                                                    \
        judge(name, forbidden_);                                                                   \
    } while (0)

// Tests -------------------------------------------------------------------------------------------
// "[RCsc]": a load-acquire must not pass an earlier store-release. QEMU lets it (run.py).
// Bodies have the names of herd7's edges: W, R accesses; L release, A acquire, Q acquirePC.

BODY(b_Wx1_Wy1, Wx1 Wy1)
BODY(b_RAy_RBx, RAy RBx)
BODY(b_Wx1_SY_Wy1, Wx1 SY Wy1)
BODY(b_RAy_SY_RBx, RAy SY RBx)
BODY(b_Wx1_ISH_Wy1, Wx1 ISH Wy1)
BODY(b_RAy_ISH_RBx, RAy ISH RBx)
BODY(b_Wx1_ST_Wy1, Wx1 ST Wy1)
BODY(b_RAy_LD_RBx, RAy LD RBx)
BODY(b_Wx1_DSB_Wy1, Wx1 DSB Wy1)
BODY(b_RAy_DSB_RBx, RAy DSB RBx)
BODY(b_RAy_ADDR_RBx, RAy ADDR_RBx)
BODY(b_RAy_CTRL_ISB_RBx, RAy CTRL_ISB RBx)
BODY(b_RAy_CTRL_RBx, RAy CTRL RBx)
BODY(b_Wx1_LWy1, Wx1 LWy1)
BODY(b_AAy_RBx, AAy RBx)
BODY(b_QAy_RBx, QAy RBx)
BODY(b_LWx1_LWy1, LWx1 LWy1)
BODY(b_AAy_ABx, AAy ABx)
BODY(b_QAy_QBx, QAy QBx)
BODY(b_Wx1_SWPLy1, Wx1 SWPLy1)
BODY(b_ADDAAy_RBx, ADDAAy RBx)
BODY(b_Wx1_ADDLy1, Wx1 ADDLy1)
BODY(b_CASAAy_RBx, CASAAy RBx)
BODY(b_Wx1_CASLy1, Wx1 CASLy1)
BODY(b_Wx1_SWPALy1, Wx1 SWPALy1)
BODY(b_Wx1_EXLy1, Wx1 EXLy1)
BODY(b_EXAAy_RBx, EXAAy RBx)
BODY(b_STRBx1_STLRBy1, STRBx1 STLRBy1)
BODY(b_LDARBy_LDRBx, LDARBy LDRBx)
BODY(b_STRHx1_STLRHy1, STRHx1 STLRHy1)
BODY(b_LDARHy_LDRHx, LDARHy LDRHx)
BODY(b_STRWx1_STLRWy1, STRWx1 STLRWy1)
BODY(b_LDARWy_LDRWx, LDARWy LDRWx)
BODY(b_STRBx1_ISH_STRBy1, STRBx1 ISH STRBy1)
BODY(b_LDRBAy_ISH_LDRBx, LDRBAy ISH LDRBx)
BODY(b_STRQx1_LWy1, STRQx1 LWy1)
BODY(b_AAy_LDRQx, AAy LDRQx)
BODY(b_STPx1_LWy1, STPx1 LWy1)
BODY(b_AAy_LDPx, AAy LDPx)
BODY(b_Wx1_RAy, Wx1 RAy)
BODY(b_Wy1_RAx, Wy1 RAx)
BODY(b_Wx1_SY_RAy, Wx1 SY RAy)
BODY(b_Wy1_SY_RAx, Wy1 SY RAx)
BODY(b_Wx1_ISH_RAy, Wx1 ISH RAy)
BODY(b_Wy1_ISH_RAx, Wy1 ISH RAx)
BODY(b_Wx1_DSB_RAy, Wx1 DSB RAy)
BODY(b_Wy1_DSB_RAx, Wy1 DSB RAx)
BODY(b_Wx1_LD_RAy, Wx1 LD RAy)
BODY(b_Wy1_LD_RAx, Wy1 LD RAx)
BODY(b_Wx1_ST_RAy, Wx1 ST RAy)
BODY(b_Wy1_ST_RAx, Wy1 ST RAx)
BODY(b_LWx1_AAy, LWx1 AAy)
BODY(b_LWy1_AAx, LWy1 AAx)
BODY(b_LWx1_QAy, LWx1 QAy)
BODY(b_LWy1_QAx, LWy1 QAx)
BODY(b_LWx1_RAy, LWx1 RAy)
BODY(b_LWy1_RAx, LWy1 RAx)
BODY(b_SWPALx1_RAy, SWPALx1 RAy)
BODY(b_SWPALy1_RAx, SWPALy1 RAx)
BODY(b_Wx1_SWPALz1_RAy, Wx1 SWPALz1 RAy)
BODY(b_Wy1_SWPALz1_RAx, Wy1 SWPALz1 RAx)
BODY(b_Wx1_EXALz1_RAy, Wx1 EXALz1 RAy)
BODY(b_Wy1_EXALz1_RAx, Wy1 EXALz1 RAx)
BODY(b_Wx1_EXALz1_ISH_RAy, Wx1 EXALz1 ISH RAy)
BODY(b_Wy1_EXALz1_ISH_RAx, Wy1 EXALz1 ISH RAx)
BODY(b_STLRBx1_LDARBy, STLRBx1 LDARBy)
BODY(b_STLRBy1_LDARBx, STLRBy1 LDARBx)
BODY(b_STLRWx1_LDARWy, STLRWx1 LDARWy)
BODY(b_STLRWy1_LDARWx, STLRWy1 LDARWx)
BODY(b_Wx1_ISBN_RAy, Wx1 ISBN RAy)
BODY(b_Wy1_ISBN_RAx, Wy1 ISBN RAx)
BODY(b_LWx1_WORK_AAy, LWx1 WORK AAy)
BODY(b_LWy1_WORK_AAx, LWy1 WORK AAx)
BODY(b_RAx_Wy1, RAx Wy1)
BODY(b_RAy_Wx1, RAy Wx1)
BODY(b_RAx_ISH_Wy1, RAx ISH Wy1)
BODY(b_RAy_ISH_Wx1, RAy ISH Wx1)
BODY(b_RAx_LD_Wy1, RAx LD Wy1)
BODY(b_RAy_LD_Wx1, RAy LD Wx1)
BODY(b_RAx_DSB_Wy1, RAx DSB Wy1)
BODY(b_RAy_DSB_Wx1, RAy DSB Wx1)
BODY(b_RAx_DATA_Wy1, RAx DATA_Wy1)
BODY(b_RAy_DATA_Wx1, RAy DATA_Wx1)
BODY(b_RAx_CTRL_Wy1, RAx CTRL Wy1)
BODY(b_RAy_CTRL_Wx1, RAy CTRL Wx1)
BODY(b_AAx_Wy1, AAx Wy1)
BODY(b_AAy_Wx1, AAy Wx1)
BODY(b_QAx_Wy1, QAx Wy1)
BODY(b_QAy_Wx1, QAy Wx1)
BODY(b_RAx_LWy1, RAx LWy1)
BODY(b_RAy_LWx1, RAy LWx1)
BODY(b_RAx_SWPLy1, RAx SWPLy1)
BODY(b_Wx2_Wy1, Wx2 Wy1)
BODY(b_Wx2_ISH_Wy1, Wx2 ISH Wy1)
BODY(b_Wx2_ST_Wy1, Wx2 ST Wy1)
BODY(b_Wx2_LWy1, Wx2 LWy1)
BODY(b_Wy2_RAx, Wy2 RAx)
BODY(b_Wy2_ISH_RAx, Wy2 ISH RAx)
BODY(b_LWy2_AAx, LWy2 AAx)
BODY(b_Wy2_DSB_RAx, Wy2 DSB RAx)
BODY(b_Wx1_Wy2, Wx1 Wy2)
BODY(b_Wy1_Wx2, Wy1 Wx2)
BODY(b_Wx1_ISH_Wy2, Wx1 ISH Wy2)
BODY(b_Wy1_ISH_Wx2, Wy1 ISH Wx2)
BODY(b_Wx1_ST_Wy2, Wx1 ST Wy2)
BODY(b_Wy1_ST_Wx2, Wy1 ST Wx2)
BODY(b_Wx1_LWy2, Wx1 LWy2)
BODY(b_Wy1_LWx2, Wy1 LWx2)
BODY(b_Wx1, Wx1)
BODY(b_RAx_RBx, RAx RBx)
BODY(b_Wx1_Wx2, Wx1 Wx2)
BODY(b_STRWx1, STRWx1)
BODY(b_LDRWAx_LDRWx, LDRWAx LDRWx)
BODY(b_SWPALx1, SWPALx1)
BODY(b_RAx, RAx)
BODY(b_Wx1_RAx, Wx1 RAx)
BODY(b_Wx2, Wx2)
BODY(b_RAx_Wx2, RAx Wx2)
BODY(b_RAy_DATA_Wz1, RAy DATA_Wz1)
BODY(b_RAz_ADDR_RBx, RAz ADDR_RBx)
BODY(b_AAy_LWz1, AAy LWz1)
BODY(b_AAz_RBx, AAz RBx)
BODY(b_RAx_ISH_RBy, RAx ISH RBy)
BODY(b_LWx1_LWz1, LWx1 LWz1)
BODY(b_AAz_ABy, AAz ABy)
BODY(b_Wy2_ISH_Wz1, Wy2 ISH Wz1)
BODY(b_RAz_ISH_RBx, RAz ISH RBx)
BODY(b_Wy1, Wy1)
BODY(b_RAx_RBy, RAx RBy)
BODY(b_RAx_LD_RBy, RAx LD RBy)
BODY(b_RAx_DSB_RBy, RAx DSB RBy)
BODY(b_RAx_ADDR_RBy, RAx ADDR_RBy)
BODY(b_LWx1, LWx1)
BODY(b_LWy1, LWy1)
BODY(b_AAx_ABy, AAx ABy)
BODY(b_QAx_QBy, QAx QBy)
BODY(b_SWPALy1, SWPALy1)
BODY(b_AAx_RBy, AAx RBy)

static void message_passing(void)
{
    TEST("MP", 2, 0, b_Wx1_Wy1, b_RAy_RBx);
    TEST("MP+dmb.sy", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_SY_Wy1, b_RAy_SY_RBx);
    TEST("MP+dmb.ish", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_ISH_Wy1, b_RAy_ISH_RBx);
    TEST("MP+dmb.ishst+dmb.ishld", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_ST_Wy1, b_RAy_LD_RBx);
    TEST("MP+dsb", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_DSB_Wy1, b_RAy_DSB_RBx);
    TEST("MP+dmb+addr", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_ISH_Wy1, b_RAy_ADDR_RBx);
    TEST("MP+dmb+ctrl-isb", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_ISH_Wy1, b_RAy_CTRL_ISB_RBx);
    TEST("MP+dmb+ctrl", 2, 0, b_Wx1_ISH_Wy1, b_RAy_CTRL_RBx);
    TEST("MP+dmb+po", 2, 0, b_Wx1_ISH_Wy1, b_RAy_RBx);
    TEST("MP+stlr+ldar", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_LWy1, b_AAy_RBx);
    TEST("MP+stlr+ldapr", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_LWy1, b_QAy_RBx);
    TEST("MP+stlr+ldar, both", 2, o.a1 == 1 && o.b1 == 0, b_LWx1_LWy1, b_AAy_ABx);
    TEST("MP+stlr+ldapr, both", 2, o.a1 == 1 && o.b1 == 0, b_LWx1_LWy1, b_QAy_QBx);
    TEST("MP+dmb.ishst+ldar", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_ST_Wy1, b_AAy_RBx);
    TEST("MP+stlr+dmb.ishld", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_LWy1, b_RAy_LD_RBx);
    TEST("MP+swpl+ldadda", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_SWPLy1, b_ADDAAy_RBx);
    TEST("MP+ldaddl+casa", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_ADDLy1, b_CASAAy_RBx);
    TEST("MP+casl+ldar", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_CASLy1, b_AAy_RBx);
    TEST("MP+swpal+ldapr", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_SWPALy1, b_QAy_RBx);
    TEST("MP+stlxr+ldaxr", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_EXLy1, b_EXAAy_RBx);
    TEST("MP+stlxr+ldar", 2, o.a1 == 1 && o.b1 == 0, b_Wx1_EXLy1, b_AAy_RBx);
    TEST("MP+stlr+ldar, bytes", 2, o.a1 == 1 && o.b1 == 0, b_STRBx1_STLRBy1, b_LDARBy_LDRBx);
    TEST("MP+stlr+ldar, halves", 2, o.a1 == 1 && o.b1 == 0, b_STRHx1_STLRHy1, b_LDARHy_LDRHx);
    TEST("MP+stlr+ldar, words", 2, o.a1 == 1 && o.b1 == 0, b_STRWx1_STLRWy1, b_LDARWy_LDRWx);
    TEST("MP+dmb, bytes", 2, o.a1 == 1 && o.b1 == 0, b_STRBx1_ISH_STRBy1, b_LDRBAy_ISH_LDRBx);
    TEST("MP+stlr+ldar, vector data", 2, o.a1 == 1 && o.b1 == 0, b_STRQx1_LWy1, b_AAy_LDRQx);
    TEST("MP+stlr+ldar, pair data", 2, o.a1 == 1 && o.b1 == 0, b_STPx1_LWy1, b_AAy_LDPx);
}

// What an atomic with both acquire and release wrote is ordered before all that follows it, as
// fences are: Linux counts on it for xchg().
static void store_buffering(void)
{
    TEST("SB", 2, 0, b_Wx1_RAy, b_Wy1_RAx);
    TEST("SB+dmb.sy", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_SY_RAy, b_Wy1_SY_RAx);
    TEST("SB+dmb.ish", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_ISH_RAy, b_Wy1_ISH_RAx);
    TEST("SB+dsb", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_DSB_RAy, b_Wy1_DSB_RAx);
    TEST("SB+dmb.ishld", 2, 0, b_Wx1_LD_RAy, b_Wy1_LD_RAx);
    TEST("SB+dmb.ishst", 2, 0, b_Wx1_ST_RAy, b_Wy1_ST_RAx);
    TEST("SB+dmb+po", 2, 0, b_Wx1_ISH_RAy, b_Wy1_RAx);
    TEST("SB+stlr+ldar [RCsc]", 2, o.a0 == 0 && o.a1 == 0, b_LWx1_AAy, b_LWy1_AAx);
    TEST("SB+stlr+ldapr", 2, 0, b_LWx1_QAy, b_LWy1_QAx);
    TEST("SB+stlr+ldr", 2, 0, b_LWx1_RAy, b_LWy1_RAx);
    TEST("SB+dmb+stlr-ldar [RCsc]", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_ISH_RAy, b_LWy1_AAx);
    TEST("SB+swpal (fully ordered)", 2, o.a0 == 0 && o.a1 == 0, b_SWPALx1_RAy, b_SWPALy1_RAx);
    TEST("SB+swpal between", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_SWPALz1_RAy, b_Wy1_SWPALz1_RAx);
    TEST("SB+swpal+dmb", 2, o.a0 == 0 && o.a1 == 0, b_SWPALx1_RAy, b_Wy1_ISH_RAx);
    TEST("SB+swpal between+stlr-ldar [RCsc]", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_SWPALz1_RAy,
         b_LWy1_AAx);
    TEST("SB+ldaxr-stlxr between", 2, 0, b_Wx1_EXALz1_RAy, b_Wy1_EXALz1_RAx);
    TEST("SB+ldaxr-stlxr, dmb", 2, o.a0 == 0 && o.a1 == 0, b_Wx1_EXALz1_ISH_RAy,
         b_Wy1_EXALz1_ISH_RAx);
    TEST("SB+stlr+ldar, bytes [RCsc]", 2, o.a0 == 0 && o.a1 == 0, b_STLRBx1_LDARBy,
         b_STLRBy1_LDARBx);
    TEST("SB+stlr+ldar, words [RCsc]", 2, o.a0 == 0 && o.a1 == 0, b_STLRWx1_LDARWy,
         b_STLRWy1_LDARWx);
    TEST("SB+isb", 2, 0, b_Wx1_ISBN_RAy, b_Wy1_ISBN_RAx);
    TEST("SB+stlr+nop work+ldar [RCsc]", 2, o.a0 == 0 && o.a1 == 0, b_LWx1_WORK_AAy,
         b_LWy1_WORK_AAx);
}

static void load_buffering(void)
{
    TEST("LB", 2, 0, b_RAx_Wy1, b_RAy_Wx1);
    TEST("LB+dmb.ish", 2, o.a0 == 1 && o.a1 == 1, b_RAx_ISH_Wy1, b_RAy_ISH_Wx1);
    TEST("LB+dmb.ishld", 2, o.a0 == 1 && o.a1 == 1, b_RAx_LD_Wy1, b_RAy_LD_Wx1);
    TEST("LB+dsb", 2, o.a0 == 1 && o.a1 == 1, b_RAx_DSB_Wy1, b_RAy_DSB_Wx1);
    TEST("LB+data", 2, o.a0 == 1 && o.a1 == 1, b_RAx_DATA_Wy1, b_RAy_DATA_Wx1);
    TEST("LB+ctrl", 2, o.a0 == 1 && o.a1 == 1, b_RAx_CTRL_Wy1, b_RAy_CTRL_Wx1);
    TEST("LB+dmb+data", 2, o.a0 == 1 && o.a1 == 1, b_RAx_ISH_Wy1, b_RAy_DATA_Wx1);
    TEST("LB+ldar+str", 2, o.a0 == 1 && o.a1 == 1, b_AAx_Wy1, b_AAy_Wx1);
    TEST("LB+ldapr+str", 2, o.a0 == 1 && o.a1 == 1, b_QAx_Wy1, b_QAy_Wx1);
    TEST("LB+ldr+stlr", 2, o.a0 == 1 && o.a1 == 1, b_RAx_LWy1, b_RAy_LWx1);
    TEST("LB+ldr+swpl", 2, o.a0 == 1 && o.a1 == 1, b_RAx_SWPLy1, b_RAy_LWx1);
}

static void s_r_2_2w(void)
{
    TEST("S", 2, 0, b_Wx2_Wy1, b_RAy_Wx1);
    TEST("S+dmb.ish", 2, o.a1 == 1 && o.x == 2, b_Wx2_ISH_Wy1, b_RAy_ISH_Wx1);
    TEST("S+dmb.ishst+dmb.ishld", 2, o.a1 == 1 && o.x == 2, b_Wx2_ST_Wy1, b_RAy_LD_Wx1);
    TEST("S+stlr+ldar", 2, o.a1 == 1 && o.x == 2, b_Wx2_LWy1, b_AAy_Wx1);
    TEST("S+stlr+ldapr", 2, o.a1 == 1 && o.x == 2, b_Wx2_LWy1, b_QAy_Wx1);
    TEST("S+dmb+data", 2, o.a1 == 1 && o.x == 2, b_Wx2_ISH_Wy1, b_RAy_DATA_Wx1);
    TEST("S+dmb+ctrl", 2, o.a1 == 1 && o.x == 2, b_Wx2_ISH_Wy1, b_RAy_CTRL_Wx1);
    TEST("R", 2, 0, b_Wx1_Wy1, b_Wy2_RAx);
    TEST("R+dmb.ish", 2, o.a1 == 0 && o.y == 2, b_Wx1_ISH_Wy1, b_Wy2_ISH_RAx);
    TEST("R+dmb.ishst+dmb.ish", 2, o.a1 == 0 && o.y == 2, b_Wx1_ST_Wy1, b_Wy2_ISH_RAx);
    TEST("R+stlr+stlr-ldar [RCsc]", 2, o.a1 == 0 && o.y == 2, b_Wx1_LWy1, b_LWy2_AAx);
    TEST("R+dsb", 2, o.a1 == 0 && o.y == 2, b_Wx1_DSB_Wy1, b_Wy2_DSB_RAx);
    TEST("2+2W", 2, 0, b_Wx1_Wy2, b_Wy1_Wx2);
    TEST("2+2W+dmb.ish", 2, o.x == 1 && o.y == 1, b_Wx1_ISH_Wy2, b_Wy1_ISH_Wx2);
    TEST("2+2W+dmb.ishst", 2, o.x == 1 && o.y == 1, b_Wx1_ST_Wy2, b_Wy1_ST_Wx2);
    TEST("2+2W+stlr", 2, o.x == 1 && o.y == 1, b_Wx1_LWy2, b_Wy1_LWx2);
}

static void coherence(void)
{
    TEST("CoRR", 2, o.a1 == 1 && o.b1 == 0, b_Wx1, b_RAx_RBx);
    TEST("CoRR2", 2, (o.a1 == 1 && o.b1 == 0) || (o.a1 == 2 && o.b1 != 2), b_Wx1_Wx2, b_RAx_RBx);
    TEST("CoRR, words", 2, o.a1 == 1 && o.b1 == 0, b_STRWx1, b_LDRWAx_LDRWx);
    TEST("CoRR+swp", 2, o.a1 == 1 && o.b1 == 0, b_SWPALx1, b_RAx_RBx);
    TEST("CoWW", 2, o.x != 2, b_Wx1_Wx2, b_RAx);
    TEST("CoWR", 2, o.a0 == 0 || (o.a0 == 2 && o.x == 1), b_Wx1_RAx, b_Wx2);
    TEST("CoRW", 2, o.a0 == 2, b_RAx_Wx2, b_Wx1);
    TEST("CoRW2", 2, o.a1 == 1 && o.x == 1, b_Wx1, b_RAx_Wx2);
    TEST("CoRR, two readers", 4,
         (o.a2 == 1 && o.b2 == 2 && o.a3 == 2 && o.b3 == 1) ||
             (o.a2 == 2 && o.b2 == 1 && o.a3 == 1 && o.b3 == 2),
         b_Wx1, b_Wx2, b_RAx_RBx, b_RAx_RBx);
}

static void three(void)
{
    TEST("WRC", 3, 0, b_Wx1, b_RAx_Wy1, b_RAy_RBx);
    TEST("WRC+dmb", 3, o.a1 == 1 && o.a2 == 1 && o.b2 == 0, b_Wx1, b_RAx_ISH_Wy1, b_RAy_ISH_RBx);
    TEST("WRC+data+addr", 3, o.a1 == 1 && o.a2 == 1 && o.b2 == 0, b_Wx1, b_RAx_DATA_Wy1,
         b_RAy_ADDR_RBx);
    TEST("WRC+stlr+ldar", 3, o.a1 == 1 && o.a2 == 1 && o.b2 == 0, b_Wx1, b_RAx_LWy1, b_AAy_RBx);
    TEST("WRC+ldar+ldapr", 3, o.a1 == 1 && o.a2 == 1 && o.b2 == 0, b_Wx1, b_AAx_Wy1, b_QAy_RBx);
    TEST("ISA2+dmb+data+addr", 3, o.a1 == 1 && o.a2 == 1 && o.b2 == 0, b_Wx1_ISH_Wy1,
         b_RAy_DATA_Wz1, b_RAz_ADDR_RBx);
    TEST("ISA2+stlr+ldar", 3, o.a1 == 1 && o.a2 == 1 && o.b2 == 0, b_Wx1_LWy1, b_AAy_LWz1,
         b_AAz_RBx);
    TEST("RWC+dmb", 3, o.a1 == 1 && o.b1 == 0 && o.a2 == 0, b_Wx1, b_RAx_ISH_RBy, b_Wy1_ISH_RAx);
    TEST("W+RWC+stlr+ldar [RCsc]", 3, o.a1 == 1 && o.b1 == 0 && o.a2 == 0, b_LWx1_LWz1, b_AAz_ABy,
         b_LWy1_AAx);
    TEST("Z6.3+dmb", 3, o.y == 2 && o.a2 == 1 && o.b2 == 0, b_Wx1_ISH_Wy1, b_Wy2_ISH_Wz1,
         b_RAz_ISH_RBx);
}

static void iriw(void)
{
    TEST("IRIW", 4, 0, b_Wx1, b_Wy1, b_RAx_RBy, b_RAy_RBx);
    TEST("IRIW+dmb.ish", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_Wx1, b_Wy1,
         b_RAx_ISH_RBy, b_RAy_ISH_RBx);
    TEST("IRIW+dmb.ishld", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_Wx1, b_Wy1,
         b_RAx_LD_RBy, b_RAy_LD_RBx);
    TEST("IRIW+dsb", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_Wx1, b_Wy1,
         b_RAx_DSB_RBy, b_RAy_DSB_RBx);
    TEST("IRIW+addr", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_Wx1, b_Wy1,
         b_RAx_ADDR_RBy, b_RAy_ADDR_RBx);
    TEST("IRIW+stlr+ldar", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_LWx1, b_LWy1,
         b_AAx_ABy, b_AAy_ABx);
    TEST("IRIW+ldapr", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_LWx1, b_LWy1,
         b_QAx_QBy, b_QAy_QBx);
    TEST("IRIW+swpal+ldar", 4, o.a2 == 1 && o.b2 == 0 && o.a3 == 1 && o.b3 == 0, b_SWPALx1,
         b_SWPALy1, b_AAx_RBy, b_AAy_RBx);
}

void program(void)
{
    smp_start();
    message_passing();
    store_buffering();
    load_buffering();
    s_r_2_2w();
    coherence();
    three();
    iriw();
}
