// SPDX-License-Identifier: GPL-3.0-or-later
// Bit fields and counting, against loops over single bits.
#include "base/bits.h"

#include <criterion/criterion.h>

static const uint64_t values[] = {
    0,
    1,
    2,
    0x80,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0xffffffffffffffff,
    0x0123456789abcdef,
    0xfedcba9876543210,
    0xaaaaaaaaaaaaaaaa,
};

static bool bit(uint64_t v, unsigned n)
{
    return n < 64 && v >> n & 1;
}

Test(bits, fields)
{
    cr_expect(mask64(0) == 0 && mask64(1) == 1 && mask64(63) == INT64_MAX &&
              mask64(64) == UINT64_MAX);
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        uint64_t v = values[i];
        for (unsigned lo = 0; lo < 64; lo++) {
            for (unsigned len = 1; lo + len <= 64; len++) {
                uint64_t field = 0, put = v;
                for (unsigned n = 0; n < len; n++) {
                    field |= (uint64_t)bit(v, lo + n) << n;
                    put = bit(~v, n) ? put | BIT(lo + n) : put & ~BIT(lo + n);
                }
                cr_assert_eq(bits64(v, lo, len), field, "bits64(%#lx, %u, %u)", v, lo, len);
                cr_assert_eq(deposit64(v, lo, len, ~v), put, "deposit64(%#lx, %u, %u): %#lx", v, lo,
                             len, deposit64(v, lo, len, ~v));
            }
        }
        for (unsigned len = 1; len <= 64; len++) {
            uint64_t want = v & mask64(len);
            for (unsigned n = len; n < 64; n++)
                want |= (uint64_t)bit(v, len - 1) << n;
            cr_assert_eq(sext64(v, len), (int64_t)want, "sext64(%#lx, %u)", v, len);
        }
    }
}

Test(bits, counting_and_turning)
{
    for (unsigned i = 0; i < ARRAY_SIZE(values); i++) {
        uint64_t v = values[i], reversed = 0;
        unsigned leading = 0, trailing = 0, leading32 = 0;
        while (leading < 64 && !bit(v, 63 - leading))
            leading++;
        while (leading32 < 32 && !bit(v, 31 - leading32))
            leading32++;
        while (trailing < 64 && !bit(v, trailing))
            trailing++;
        for (unsigned n = 0; n < 64; n++)
            reversed |= (uint64_t)bit(v, n) << (63 - n);
        cr_expect_eq(clz64(v), leading, "clz64(%#lx)", v);
        cr_expect_eq(clz32((uint32_t)v), leading32, "clz32(%#lx)", v);
        cr_expect_eq(ctz64(v), trailing, "ctz64(%#lx)", v);
        cr_expect_eq(rbit64(v), reversed, "rbit64(%#lx)", v);
        cr_expect_eq(rbit32((uint32_t)v), (uint32_t)(reversed >> 32), "rbit32(%#lx)", v);
        for (unsigned n = 0; n < 130; n++) {
            uint64_t r = v;
            uint32_t r32 = (uint32_t)v;
            for (unsigned k = 0; k < n; k++) {
                r = r >> 1 | r << 63;
                r32 = r32 >> 1 | r32 << 31;
            }
            cr_assert_eq(ror64(v, n), r, "ror64(%#lx, %u)", v, n);
            cr_assert_eq(ror32((uint32_t)v, n), r32, "ror32(%#lx, %u)", v, n);
        }
    }
}

Test(bits, macros)
{
    cr_expect(ALIGN_UP(5u, 8) == 8 && ALIGN_UP(8u, 8) == 8 && ALIGN_DOWN(15u, 8) == 8);
    cr_expect_eq(ALIGN_DOWN(UINT64_MAX, 4096), UINT64_MAX - 4095);
    struct outer {
        int a;
        long inner;
    } o;
    cr_expect_eq(container_of(&o.inner, struct outer, inner), &o);
}
