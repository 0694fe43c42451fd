// SPDX-License-Identifier: GPL-3.0-or-later
// The bench guest's frame: translation tables, time, text.
//
// It prints, numbers in hexadecimal:
//     bench FREQUENCY                              ticks a second
//     > NAME                                       a kernel begins
//     = NAME PASSES BEST TOTAL CHECKSUM            it has ended: ticks of the best pass, of all
//     ! TEXT                                       something is wrong
// and powers off. "bench.ms=N" in the kernel command line sets how long a kernel runs at least, in
// milliseconds.
#include "bench.h"

#define MIN_PASSES 3
#define DEFAULT_MS 400

// What the compiler may ask for.
void *memcpy(void *to, const void *from, unsigned long n)
{
    volatile u8 *p = to;
    const u8 *q = from;
    while (n--)
        *p++ = *q++;
    return to;
}

void *memset(void *to, int c, unsigned long n)
{
    volatile u8 *p = to;
    while (n--)
        *p++ = (u8)c;
    return to;
}

// Text -------------------------------------------------------------------------------------------

static void put(const char *s)
{
    for (; *s; s++)
        *(volatile u32 *)UART = (u8)*s;
}

static void put_hex(u64 v)
{
    char text[18], *p = text + sizeof text;
    *--p = 0;
    do
        *--p = "0123456789abcdef"[v & 15];
    while (v >>= 4);
    *--p = ' ';
    put(p);
}

void bench_bad(u64 esr, u64 elr, u64 far)
{
    put("! exception");
    put_hex(esr);
    put_hex(elr);
    put_hex(far);
    put("\n");
}

// Memory -----------------------------------------------------------------------------------------

#define NORMAL    (1ul << 10 | 3ul << 8 | 1ul << 2) // accessed, inner shareable, attribute 1
#define AP_EL0    (1ul << 6)
#define AP_RO     (1ul << 7)
#define NO_EXEC   (1ul << 54 | 1ul << 53)
#define L3_TABLES (MANY_PAGES / 512)

static u64 l1[512] __attribute__((aligned(4096)));
static u64 l2_user[512] __attribute__((aligned(4096))), l3_user[512] __attribute__((aligned(4096)));
static u64 l2_many[512] __attribute__((aligned(4096)));
static u64 l3_many[L3_TABLES][512] __attribute__((aligned(4096)));
u8 few_pages[FEW_PAGES * 4096] __attribute__((aligned(4096)));

u64 make_tables(void)
{
    l1[0] = NO_EXEC | 1ul << 10 | 1;
    l1[1] = 0x40000000ul | NORMAL | 1;
    l1[USER >> 30] = (u64)l2_user | 3;
    l2_user[0] = (u64)l3_user | 3;
    l3_user[0] = (u64)user_code | NORMAL | AP_EL0 | AP_RO | 3;
    l1[MANY >> 30] = (u64)l2_many | 3;
    for (unsigned n = 0; n < MANY_PAGES; n++) {
        l2_many[n / 512] = (u64)l3_many[n / 512] | 3;
        l3_many[n / 512][n % 512] = ((u64)few_pages + n % FEW_PAGES * 4096) | NO_EXEC | NORMAL | 3;
    }
    return (u64)l1;
}

// Time -------------------------------------------------------------------------------------------

static u64 now(void)
{
    u64 v;
    __asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(v) : : "memory");
    return v;
}

static u64 frequency(void)
{
    u64 v;
    __asm__("mrs %0, cntfrq_el0" : "=r"(v));
    return v;
}

// The number behind `key` anywhere in the device tree, which holds the command line as it is.
static u64 option(const u8 *tree, const char *key, u64 otherwise)
{
    u32 size = __builtin_bswap32(((const u32 *)tree)[1]);
    if (__builtin_bswap32(*(const u32 *)tree) != 0xd00dfeed)
        return otherwise;
    for (u32 at = 0, n = 0; at < size; at++) {
        n = tree[at] == (u8)key[n] ? n + 1 : tree[at] == (u8)key[0];
        if (key[n])
            continue;
        u64 v = 0;
        for (at++; at < size && tree[at] >= '0' && tree[at] <= '9'; at++)
            v = v * 10 + tree[at] - '0';
        return v;
    }
    return otherwise;
}

static const struct kernel {
    const char *name;
    void (*setup)(void);
    u64 (*pass)(void);
} kernels[] = {
#define ROW(name) {#name, bench_##name##_setup, bench_##name},
    BENCH_KERNELS(ROW)
#undef ROW
};

static void measure(const struct kernel *k, u64 at_least)
{
    u64 passes = 0, best = ~0ul, total = 0, first = 0;
    put("> ");
    put(k->name);
    put("\n");
    do {
        u64 before = now(), sum = k->pass(), ticks = now() - before;
        if (!passes++)
            first = sum;
        else if (sum != first)
            put("! the passes of a kernel differ\n");
        total += ticks;
        if (ticks < best)
            best = ticks;
    } while (passes < MIN_PASSES || total < at_least);
    put("= ");
    put(k->name);
    put_hex(passes);
    put_hex(best);
    put_hex(total);
    put_hex(first);
    put("\n");
}

void bench_main(const u8 *tree)
{
    u64 at_least = option(tree, "bench.ms=", DEFAULT_MS) * frequency() / 1000;
    put("bench");
    put_hex(frequency());
    put("\n");
    for (unsigned n = 0; n < sizeof kernels / sizeof kernels[0]; n++) {
        kernels[n].setup();
        measure(&kernels[n], at_least);
    }
}
