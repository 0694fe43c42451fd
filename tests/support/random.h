// SPDX-License-Identifier: GPL-3.0-or-later
// Pseudo-random numbers for tests: the same from the same start, which is the caller's to keep and
// anything but 0.
#ifndef TESTS_SUPPORT_RANDOM_H
#define TESTS_SUPPORT_RANDOM_H

#include <stdint.h>

#define RANDOM_SEED UINT64_C(88172645463325252)

// xorshift64
static inline uint64_t random_next(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

#endif
