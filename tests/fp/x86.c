// SPDX-License-Identifier: GPL-3.0-or-later
// The reference against the host's own arithmetic, where the two architectures agree: every result
// that is not a NaN, and IE, ZE, OE, PE against IOC, DZC, OFC, IXC; UE against UFC except for
// results that are the smallest normal number (tininess after or before rounding).
//
// The instructions are issued here, not through jit/fp_host.c, so that this is a second opinion on
// the reference and not on the fast path.
#include <criterion/criterion.h>
#include <immintrin.h>
#include <stdio.h>

#include "table.h"

#define RANDOMS 100000

// One row an instruction: the reference function, operand kinds (addend first), the result's
// kind, the instruction on x (operand 1 and result), y, z, and the reference call.
#define HARDWARE(X)                                                                                \
    X(add_d, "dd", 'd', "addsd %1, %0", fp64_add_ref(e, a, b))                                     \
    X(sub_d, "dd", 'd', "subsd %1, %0", fp64_sub_ref(e, a, b))                                     \
    X(mul_d, "dd", 'd', "mulsd %1, %0", fp64_mul_ref(e, a, b))                                     \
    X(div_d, "dd", 'd', "divsd %1, %0", fp64_div_ref(e, a, b))                                     \
    X(sqrt_d, "d", 'd', "sqrtsd %0, %0", fp64_sqrt_ref(e, a))                                      \
    X(fma_d, "ddd", 'd', "vfmadd213sd %2, %1, %0", fp64_muladd_ref(e, c, a, b))                    \
    X(add_s, "ss", 's', "addss %1, %0", fp32_add_ref(e, a, b))                                     \
    X(sub_s, "ss", 's', "subss %1, %0", fp32_sub_ref(e, a, b))                                     \
    X(mul_s, "ss", 's', "mulss %1, %0", fp32_mul_ref(e, a, b))                                     \
    X(div_s, "ss", 's', "divss %1, %0", fp32_div_ref(e, a, b))                                     \
    X(sqrt_s, "s", 's', "sqrtss %0, %0", fp32_sqrt_ref(e, a))                                      \
    X(fma_s, "sss", 's', "vfmadd213ss %2, %1, %0", fp32_muladd_ref(e, c, a, b))                    \
    X(d_to_s, "d", 's', "cvtsd2ss %0, %0", fp64_to_fp32_ref(e, a))                                 \
    X(s_to_d, "s", 'd', "cvtss2sd %0, %0", fp32_to_fp64_ref(e, a))                                 \
    X(s_to_h, "s", 'h', "vcvtps2ph $4, %0, %0", fp32_to_fp16(e, a))                                \
    X(h_to_s, "h", 's', "vcvtph2ps %0, %0", fp16_to_fp32(e, a))                                    \
    X(rintx_d, "d", 'd', "roundsd $4, %0, %0", fp64_round_int(e, a, fp_rounding(e), true))         \
    X(rintz_s, "s", 's', "roundss $11, %0, %0", fp32_round_int(e, a, FP_ZERO, false))              \
    X(rintm_d, "d", 'd', "roundsd $9, %0, %0", fp64_round_int(e, a, FP_NEGINF, false))

#define DEFINE(name, kinds, kind, text, call)                                                      \
    static uint64_t hardware_##name(const uint64_t in[3])                                          \
    {                                                                                              \
        __m128i x = _mm_cvtsi64_si128((long long)in[0]), y = _mm_cvtsi64_si128((long long)in[1]),  \
                z = _mm_cvtsi64_si128((long long)in[2]);                                           \
        __asm__ volatile(text : "+x"(x) : "x"(y), "x"(z));                                         \
        return (uint64_t)_mm_cvtsi128_si64(x) & low_mask(shape_of(kind).bits);                     \
    }                                                                                              \
    static uint64_t reference_##name(struct fp_env *e, const uint64_t in[3])                       \
    {                                                                                              \
        const uint64_t a = in[0], b = in[1], c = in[2];                                            \
        (void)b, (void)c;                                                                          \
        return call;                                                                               \
    }
HARDWARE(DEFINE)

static const struct hardware {
    const char *name, *kinds;
    char kind;
    uint64_t (*hardware)(const uint64_t in[3]);
    uint64_t (*reference)(struct fp_env *e, const uint64_t in[3]);
} hardware[] = {
#define ENTRY(name, kinds, kind, text, call)                                                       \
    {#name, kinds, kind, hardware_##name, reference_##name},
    HARDWARE(ENTRY)};

static const unsigned rounding_control[4] = {0x1f80, 0x5f80, 0x3f80, 0x7f80}; // RN RP RM RZ

// As FPSR bits, UE included.
static uint32_t sticky(void)
{
    uint32_t m = _mm_getcsr();
    return (m & 1 ? FPSR_IOC : 0) | (m & 4 ? FPSR_DZC : 0) | (m & 8 ? FPSR_OFC : 0) |
           (m & 16 ? FPSR_UFC : 0) | (m & 32 ? FPSR_IXC : 0);
}

static bool is_nan(char kind, uint64_t a)
{
    struct shape f = shape_of(kind);
    return (a & low_mask(f.bits - 1)) > (low_mask(f.bits - 1) & ~low_mask(f.frac));
}

static bool agrees(const struct hardware *h, unsigned rmode, const uint64_t in[3])
{
    struct fp_env env = {.fpcr = rmode << FPCR_RMODE_SHIFT};
    uint64_t ours = h->reference(&env, in);
    _mm_setcsr(rounding_control[rmode]);
    uint64_t theirs = h->hardware(in);
    uint32_t flags = sticky();
    _mm_setcsr(0x1f80);

    struct shape f = shape_of(h->kind);
    bool smallest = (ours & low_mask(f.bits - 1)) == UINT64_C(1) << f.frac;
    // x86 is silent about infinity times zero plus a quiet NaN.
    bool quiet_addend = strlen(h->kinds) == 3 && is_nan(h->kind, in[2]);
    uint32_t compared = ~((smallest ? FPSR_UFC : 0) | (quiet_addend ? FPSR_IOC : 0));
    bool same = is_nan(h->kind, theirs) ? is_nan(h->kind, ours) : ours == theirs;
    if (same && ((flags ^ env.fpsr) & compared) == 0)
        return true;
    fprintf(
        stderr,
        "%s, RMode %u: %016lx %016lx %016lx\n    host %016lx fpsr %02x, ours %016lx fpsr %02x\n",
        h->name, rmode, in[0], in[1], in[2], theirs, flags, ours, env.fpsr);
    return false;
}

Test(fp_x86, the_reference_is_the_hosts_arithmetic, .timeout = 120)
{
    unsigned bad = 0;
    bool fma = __builtin_cpu_supports("fma");
    bool f16c = __builtin_cpu_supports("avx2"); // which no CPU has without F16C
    for (unsigned i = 0; i < sizeof hardware / sizeof *hardware; i++) {
        const struct hardware *h = &hardware[i];
        if ((strlen(h->kinds) == 3 && !fma) || ((h->kind == 'h' || h->kinds[0] == 'h') && !f16c))
            continue;
        unsigned count = operand_count(h->kinds, RANDOMS);
        for (unsigned n = 0; n < count && bad < 20; n++) {
            uint64_t in[3];
            make_operands(in, h->kinds, i + 5000, n);
            for (unsigned rmode = 0; rmode < 4; rmode++)
                bad += !agrees(h, rmode, in);
        }
    }
    cr_expect(bad == 0, "%u differences (at least)", bad);
}

// Every half there is: to single and back, and its square root, against the host.
Test(fp_x86, all_halves)
{
    struct fp_env env = {0};
    for (unsigned i = 0; i < 0x10000; i++) {
        uint16_t h = (uint16_t)i;
        uint32_t s = fp16_to_fp32(&env, h);
        uint16_t back = fp32_to_fp16(&env, s);
        bool nan = is_nan('h', h);
        cr_assert(back == (nan ? h | 0x200 : h), "%04x became %08x and %04x", h, s, back);
        if (nan || (h & 0x8000))
            continue;
        // A single's square root rounded again: 24 bits are more than 2 * 11 + 1.
        uint16_t root = fp32_to_fp16(&env, fp32_sqrt_ref(&env, s));
        cr_assert(fp16_sqrt(&env, h) == root, "sqrt(%04x) = %04x, not %04x", h, fp16_sqrt(&env, h),
                  root);
    }
}
