// SPDX-License-Identifier: GPL-3.0-or-later
// Kernels of integer code: arithmetic, calls, indirect calls, memory.
#include "bench.h"

// Arithmetic: shifts, multiplications, comparisons, in registers only.
void bench_integer_setup(void) {}

u64 bench_integer(void)
{
    u64 a = 0x243f6a8885a308d3ul, b = 0x13198a2e03707344ul;
    u32 c = 0xa4093822;
    for (u32 i = 0; i < 150000; i++) {
        a ^= a << 13;
        a ^= a >> 7;
        a ^= a << 17;
        b = b * 6364136223846793005ul + a;
        c += (u32)(b >> 40);
        if (c & 0x10)
            c = c << 5 | c >> 27;
        else
            c ^= i;
    }
    return MIX(MIX(a, b), c);
}

// Calls and returns, with what is saved on the stack.
void bench_calls_setup(void) {}

__attribute__((noipa)) static u64 fibonacci(u64 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

u64 bench_calls(void)
{
    return fibonacci(22);
}

// Calls through a table, in an order that no predictor knows.
#define OPERATIONS(X)                                                                              \
    X(0, v + 1)                                                                                    \
    X(1, v ^ 0x55) X(2, v << 1) X(3, v >> 3) X(4, ~v) X(5, v * 5) X(6, v - 9) X(7, v | 0x100)      \
        X(8, v & ~0x80ul) X(9, v ^ v >> 9) X(10, v + 0x1234) X(11, v * 3) X(12, v << 7 | v >> 57)  \
            X(13, -v) X(14, v ^ v << 3) X(15, v + (v >> 1))
#define DEFINE(n, value)                                                                           \
    __attribute__((noipa)) static u64 operation##n(u64 v)                                          \
    {                                                                                              \
        return value;                                                                              \
    }
OPERATIONS(DEFINE)
#undef DEFINE

void bench_indirect_setup(void) {}

u64 bench_indirect(void)
{
    static u64 (*const table[16])(u64) = {
#define NAME(n, value) operation##n,
        OPERATIONS(NAME)
#undef NAME
    };
    u64 state = 0x452821e638d01377ul, v = 1;
    for (u32 i = 0; i < 40000; i++)
        v = table[next_random(&state) >> 60](v);
    return v;
}

// Copies: 64 KiB back and forth, 16 bytes at a time.
#define COPY_WORDS 8192u
static u64 copy_from[COPY_WORDS], copy_to[COPY_WORDS];

void bench_copy_setup(void)
{
    u64 state = 0xbe5466cf34e90c6cul;
    for (u32 i = 0; i < COPY_WORDS; i++)
        copy_from[i] = next_random(&state);
}

__attribute__((noipa)) static void copy(u64 *to, const u64 *from)
{
    for (u32 i = 0; i < COPY_WORDS; i += 2) {
        u64 a = from[i], b = from[i + 1];
        to[i] = a;
        to[i + 1] = b;
    }
}

u64 bench_copy(void)
{
    u64 sum = 0;
    for (u32 n = 0; n < 20; n++) {
        copy(copy_to, copy_from);
        copy(copy_from, copy_to);
    }
    for (u32 i = 0; i < COPY_WORDS; i += 64)
        sum = MIX(sum, copy_to[i]);
    return sum;
}

// A chain through 1 MiB, a cache line a step: what is measured is the wait for the host's caches.
#define CHASE_NODES 16384u
static struct node {
    struct node *next;
    u64 value[7];
} nodes[CHASE_NODES];

void bench_chase_setup(void)
{
    static u32 order[CHASE_NODES];
    u64 state = 0xc0ac29b7c97c50ddul;
    for (u32 i = 0; i < CHASE_NODES; i++)
        order[i] = i;
    for (u32 i = CHASE_NODES - 1; i > 0; i--) {
        u32 j = (u32)(next_random(&state) % i), o = order[i];
        order[i] = order[j];
        order[j] = o;
    }
    for (u32 i = 0; i < CHASE_NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % CHASE_NODES]];
        nodes[order[i]].value[3] = i;
    }
}

u64 bench_chase(void)
{
    const struct node *p = &nodes[0];
    u64 sum = 0;
    for (u32 i = 0; i < 4 * CHASE_NODES; i++) {
        sum += p->value[3];
        p = p->next;
    }
    return sum;
}
