// SPDX-License-Identifier: GPL-3.0-or-later
// Bit fields, sign extension, rotates and counting, for every layer. Pure functions, no state.
#ifndef BASE_BITS_H
#define BASE_BITS_H

#include <stdbool.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>

#define BIT(n)            (UINT64_C(1) << (n))
#define ARRAY_SIZE(a)     (sizeof(a) / sizeof((a)[0]))
#define likely(x)         __builtin_expect(!!(x), 1)
#define unlikely(x)       __builtin_expect(!!(x), 0)
#define ALIGN_UP(x, a)    (((x) + (a) - 1) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a)  ((x) & ~((__typeof__(x))(a) - 1))
#define container_of(p, type, member) ((type *)((char *)(p) - offsetof(type, member)))

// A mask of the n lowest bits, n in 0..64.
static inline uint64_t mask64(unsigned n)
{
    return n >= 64 ? ~UINT64_C(0) : BIT(n) - 1;
}

// Bits lo .. lo+len-1 of v, len in 1..64.
static inline uint64_t bits64(uint64_t v, unsigned lo, unsigned len)
{
    return (v >> lo) & mask64(len);
}

// v with bits lo .. lo+len-1 replaced by those of f.
static inline uint64_t deposit64(uint64_t v, unsigned lo, unsigned len, uint64_t f)
{
    uint64_t m = mask64(len) << lo;
    return (v & ~m) | ((f << lo) & m);
}

// The len lowest bits of v as a signed number, len in 1..64.
static inline int64_t sext64(uint64_t v, unsigned len)
{
    return (int64_t)(v << (64 - len)) >> (64 - len);
}

static inline uint32_t ror32(uint32_t v, unsigned n)
{
    return v >> (n & 31) | v << (-n & 31);
}

static inline uint64_t ror64(uint64_t v, unsigned n)
{
    return v >> (n & 63) | v << (-n & 63);
}

static inline unsigned clz32(uint32_t v)
{
    return v ? (unsigned)__builtin_clz(v) : 32;
}

static inline unsigned clz64(uint64_t v)
{
    return v ? (unsigned)__builtin_clzll(v) : 64;
}

static inline unsigned ctz64(uint64_t v)
{
    return v ? (unsigned)__builtin_ctzll(v) : 64;
}

// Bit-reversed within 32 or 64 bits.
static inline uint32_t rbit32(uint32_t v)
{
    v = (v & 0x55555555) << 1 | (v >> 1 & 0x55555555);
    v = (v & 0x33333333) << 2 | (v >> 2 & 0x33333333);
    v = (v & 0x0f0f0f0f) << 4 | (v >> 4 & 0x0f0f0f0f);
    return __builtin_bswap32(v);
}

static inline uint64_t rbit64(uint64_t v)
{
    return (uint64_t)rbit32((uint32_t)v) << 32 | rbit32((uint32_t)(v >> 32));
}

#endif
