// SPDX-License-Identifier: GPL-3.0-or-later
// Cryptographic helpers on the host's own instructions (x86-64: AES-NI, PCLMULQDQ, SHA-NI, SSE4.2).
// Integer vector instructions only: MXCSR is neither read nor written.
#include "frontend/helpers_crypto.h"

#include <immintrin.h>

#define CRYPTO_ARGS                                                                                \
    struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm
#define TARGET(features) __attribute__((target(features)))

static __m128i load(const void *p)
{
    return _mm_loadu_si128(p);
}

static void store(void *d, __m128i v)
{
    _mm_storeu_si128(d, v);
}

bool crypto_host_has_aes(void)
{
    return __builtin_cpu_supports("aes");
}

bool crypto_host_has_clmul(void)
{
    return __builtin_cpu_supports("pclmul");
}

bool crypto_host_has_sha(void)
{
    return __builtin_cpu_supports("sha") && __builtin_cpu_supports("ssse3");
}

bool crypto_host_has_sse42(void)
{
    return __builtin_cpu_supports("sse4.2");
}

// AES: the last round's instruction is the one without MixColumns; its key is zero here.

TARGET("aes") void crypto_host_aese(CRYPTO_ARGS)
{
    store(d, _mm_aesenclast_si128(_mm_xor_si128(load(a), load(b)), _mm_setzero_si128()));
}

TARGET("aes") void crypto_host_aesd(CRYPTO_ARGS)
{
    store(d, _mm_aesdeclast_si128(_mm_xor_si128(load(a), load(b)), _mm_setzero_si128()));
}

// The inverse of everything but MixColumns, then everything.
TARGET("aes") void crypto_host_aesmc(CRYPTO_ARGS)
{
    __m128i zero = _mm_setzero_si128();
    store(d, _mm_aesenc_si128(_mm_aesdeclast_si128(load(a), zero), zero));
}

TARGET("aes") void crypto_host_aesimc(CRYPTO_ARGS)
{
    store(d, _mm_aesimc_si128(load(a)));
}

TARGET("pclmul") void crypto_host_pmull64(CRYPTO_ARGS)
{
    store(d, imm & 1 ? _mm_clmulepi64_si128(load(a), load(b), 0x11)
                     : _mm_clmulepi64_si128(load(a), load(b), 0x00));
}

// SHA1: the host's lanes are in the opposite order, and it adds the round constant itself.
#define SHA1_ROUNDS(name, f, constant)                                                             \
    TARGET("sha,ssse3") void crypto_host_##name(CRYPTO_ARGS)                                       \
    {                                                                                              \
        __m128i w = _mm_sub_epi32(load(c), _mm_set1_epi32((int)constant));                         \
        w = _mm_add_epi32(w, _mm_cvtsi32_si128(*(const int *)b));                                  \
        __m128i r =                                                                                \
            _mm_sha1rnds4_epu32(_mm_shuffle_epi32(load(a), 0x1b), _mm_shuffle_epi32(w, 0x1b), f);  \
        store(d, _mm_shuffle_epi32(r, 0x1b));                                                      \
    }

SHA1_ROUNDS(sha1c, 0, 0x5a827999u)
SHA1_ROUNDS(sha1p, 1, 0x6ed9eba1u)
SHA1_ROUNDS(sha1m, 2, 0x8f1bbcdcu)

// SHA256: the host keeps ABEF and CDGH, highest lane first, and does two rounds at a time.
#define LANES(lo, hi, from)                                                                        \
    _mm_castps_si128(_mm_shuffle_ps(_mm_castsi128_ps(lo), _mm_castsi128_ps(hi), from))

TARGET("sha,ssse3") static void sha256_rounds(__m128i *x, __m128i *y, __m128i w)
{
    __m128i abef = LANES(*y, *x, 0x11), cdgh = LANES(*y, *x, 0xbb), first, second;

    first = _mm_sha256rnds2_epu32(cdgh, abef, w);
    second = _mm_sha256rnds2_epu32(abef, first, _mm_srli_si128(w, 8));
    *x = LANES(second, first, 0xbb);
    *y = LANES(second, first, 0x11);
}

TARGET("sha,ssse3") void crypto_host_sha256h(CRYPTO_ARGS)
{
    __m128i x = load(a), y = load(b);

    sha256_rounds(&x, &y, load(c));
    store(d, x);
}

TARGET("sha,ssse3") void crypto_host_sha256h2(CRYPTO_ARGS)
{
    __m128i x = load(b), y = load(a);

    sha256_rounds(&x, &y, load(c));
    store(d, y);
}

TARGET("sha,ssse3") void crypto_host_sha256su0(CRYPTO_ARGS)
{
    store(d, _mm_sha256msg1_epu32(load(a), load(b)));
}

TARGET("sha,ssse3") void crypto_host_sha256su1(CRYPTO_ARGS)
{
    __m128i y = load(b), z = load(c);
    store(d, _mm_sha256msg2_epu32(_mm_add_epi32(load(a), _mm_alignr_epi8(z, y, 4)), z));
}

// CRC: with bit-reversed polynomials as power series, the quotient is v times the polynomial's
// inverse, and what quotient times polynomial carries beyond v's bits is the remainder.
TARGET("pclmul") static uint32_t crc(uint32_t sum, uint64_t v, unsigned bits)
{
    const __m128i polynomial = _mm_set_epi64x((long long)UINT64_C(0xb4e5b025f7011641), 0x1db710641);
    uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    __m128i x = _mm_cvtsi64_si128((long long)((v ^ sum) & mask));
    uint64_t quotient =
        (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(x, polynomial, 0x10)) & mask;

    x = _mm_clmulepi64_si128(_mm_cvtsi64_si128((long long)quotient), polynomial, 0x00);
    if (bits == 64)
        return (uint32_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(x, x));
    return (uint32_t)((uint64_t)_mm_cvtsi128_si64(x) >> bits) ^ (bits < 32 ? sum >> bits : 0);
}

TARGET("pclmul") void crypto_host_crc32(CRYPTO_ARGS)
{
    *(uint64_t *)d = crc(*(const uint32_t *)a, *(const uint64_t *)b, (unsigned)imm * 8);
}

TARGET("sse4.2") void crypto_host_crc32c(CRYPTO_ARGS)
{
    uint32_t sum = *(const uint32_t *)a;
    uint64_t v = *(const uint64_t *)b;

    switch (imm) {
    case 1:
        sum = _mm_crc32_u8(sum, (uint8_t)v);
        break;
    case 2:
        sum = _mm_crc32_u16(sum, (uint16_t)v);
        break;
    case 4:
        sum = _mm_crc32_u32(sum, (uint32_t)v);
        break;
    default:
        sum = (uint32_t)_mm_crc32_u64(sum, v);
    }
    *(uint64_t *)d = sum;
}
