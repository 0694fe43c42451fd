// SPDX-License-Identifier: GPL-3.0-or-later
// The decode tests' random numbers: splitmix64 from a fixed seed, so that a failure repeats.
#ifndef TESTS_DECODE_RANDOM_H
#define TESTS_DECODE_RANDOM_H

#include <stdint.h>

static inline uint64_t random_next(void *state)
{
    uint64_t z = *(uint64_t *)state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
