// SPDX-License-Identifier: GPL-3.0-or-later
// Kernels of floating point and vectors. What they compute is checked to the last bit.
#include "bench.h"

#include <arm_neon.h>

static u64 bits_of(double d)
{
    union {
        double d;
        u64 u;
    } v = {d};
    return v.u;
}

// Doubles, one at a time: products, sums, a division and a square root.
void bench_scalar_fp_setup(void) {}

u64 bench_scalar_fp(void)
{
    double x = 0.3, y = 0.7, sum = 0;
    for (u32 i = 1; i <= 25000; i++) {
        double d = x * x + y * y + 0.01, r;
        __asm__("fsqrt %d0, %d1" : "=w"(r) : "w"(d));
        x = 3.7 * x * (1 - x) + 0.001 * y;
        y = y * 0.5 + 0.25 / r;
        sum += x * y - (double)i * 1e-6;
        if (sum > 100)
            sum -= 100;
    }
    return MIX(MIX(bits_of(x), bits_of(y)), bits_of(sum));
}

// Floats, four at a time: y += a * x over 16 KiB arrays.
#define FLOATS 4096u
static float xs[FLOATS] __attribute__((aligned(16))), ys[FLOATS] __attribute__((aligned(16)));

void bench_vector_fp_setup(void) {}

u64 bench_vector_fp(void)
{
    for (u32 i = 0; i < FLOATS; i++) {
        xs[i] = (float)(i % 97) * 0.125f;
        ys[i] = (float)(i % 31);
    }
    float32x4_t a = vdupq_n_f32(0.0625f), small = vdupq_n_f32(0.96875f);
    for (u32 n = 0; n < 60; n++)
        for (u32 i = 0; i < FLOATS; i += 4) {
            float32x4_t y =
                vaddq_f32(vmulq_f32(vld1q_f32(ys + i), small), vmulq_f32(vld1q_f32(xs + i), a));
            vst1q_f32(ys + i, y);
        }
    u64 sum = 0;
    for (u32 i = 0; i < FLOATS; i += 16)
        sum = MIX(sum, bits_of((double)ys[i]));
    return sum;
}

// Bytes, sixteen at a time: absolute differences, widening sums, maxima, a table lookup.
#define BYTES 16384u
static u8 left[BYTES] __attribute__((aligned(16))), right[BYTES] __attribute__((aligned(16)));

void bench_neon_setup(void)
{
    u64 state = 0x3f84d5b5b5470917ul;
    for (u32 i = 0; i < BYTES; i++) {
        left[i] = (u8)(next_random(&state) >> 32);
        right[i] = (u8)(next_random(&state) >> 40);
    }
}

u64 bench_neon(void)
{
    static const u8 reverse[16] = {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0};
    uint8x16_t table = vld1q_u8(reverse), top = vdupq_n_u8(0), mix = vdupq_n_u8(0);
    uint32x4_t sums = vdupq_n_u32(0);
    for (u32 n = 0; n < 80; n++)
        for (u32 i = 0; i < BYTES; i += 16) {
            uint8x16_t a = vld1q_u8(left + i), b = vld1q_u8(right + i), d = vabdq_u8(a, b);
            sums = vpadalq_u16(sums, vpaddlq_u8(d));
            top = vmaxq_u8(top, vsubq_u8(d, mix));
            mix = veorq_u8(vqtbl1q_u8(mix, table), vshrq_n_u8(d, 1));
        }
    u64 sum = vaddvq_u32(sums);
    sum = MIX(sum, vgetq_lane_u64(vreinterpretq_u64_u8(top), 0));
    return MIX(sum, vgetq_lane_u64(vreinterpretq_u64_u8(mix), 1));
}
