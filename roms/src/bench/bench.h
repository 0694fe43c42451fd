// SPDX-License-Identifier: GPL-3.0-or-later
// The guest that `armlet bench` measures: kernels, each of one kind of work, freestanding.
//
// A kernel is a pass that always does the same and returns a checksum of what it did. A pass takes
// the interpreter 2 to 4 ms: on a busy host some are then not interrupted, and the best counts.
// main.c times passes until a kernel has had its time and prints lines that machine/bench_output.c
// reads.
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;

#define MIX(sum, v) (((sum) ^ (u64)(v)) * 0x9e3779b97f4a7c15ul)

// ONE ROW A KERNEL, in the order in which they run: bench_<name>_setup() once, then
// bench_<name>(), a pass. Names are what tables and charts show.
#define BENCH_KERNELS(X)                                                                           \
    X(integer)                                                                                     \
    X(calls)                                                                                       \
    X(indirect)                                                                                    \
    X(copy)                                                                                        \
    X(chase)                                                                                       \
    X(scalar_fp)                                                                                   \
    X(vector_fp)                                                                                   \
    X(neon)                                                                                        \
    X(exceptions)                                                                                  \
    X(mmio)                                                                                        \
    X(tlb_miss)                                                                                    \
    X(self_modifying)

#define DECLARE(name)                                                                              \
    void bench_##name##_setup(void);                                                               \
    u64 bench_##name(void);
BENCH_KERNELS(DECLARE)
#undef DECLARE

#define UART       0x09000000ul
#define USER       0x80000000ul // user_code, for EL0
#define MANY       0xc0000000ul // MANY_PAGES pages for tlb_miss, over and over the same few
#define MANY_PAGES 16384u
#define FEW_PAGES  64u

extern u8 few_pages[FEW_PAGES * 4096];
extern u8 user_code[];
u64 run_user(u64 entry, u64 n);
_Noreturn void power_off(void);

static inline u64 next_random(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

#endif
