// SPDX-License-Identifier: GPL-3.0-or-later
// AES, SHA1, SHA256, SHA512, 64-bit polynomial multiplication and CRC32 (Arm ARM, shared
// pseudocode: AESSubBytes, SHAchoose, SHA256hash, ...), portable; and the choice between these and
// the host's.
//
// A vector is the Arm ARM's: lane 0 is the lowest. Everything is read before d is written.
#include "frontend/helpers_crypto.h"
#include "frontend/helpers.h"
#include "jit/vcpu.h"

#include <string.h>

#define CRYPTO_ARGS                                                                                \
    struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm

static union vec load(const void *p)
{
    union vec v;
    memcpy(&v, p, sizeof(v));
    return v;
}

static void store(void *d, const union vec *v)
{
    memcpy(d, v, sizeof(*v));
}

// AES ---------------------------------------------------------------------------------------------

// clang-format off
static const uint8_t sbox[256] = {
    0x63, 0x7c, 0x77, 0x7b, 0xf2, 0x6b, 0x6f, 0xc5, 0x30, 0x01, 0x67, 0x2b, 0xfe, 0xd7, 0xab, 0x76,
    0xca, 0x82, 0xc9, 0x7d, 0xfa, 0x59, 0x47, 0xf0, 0xad, 0xd4, 0xa2, 0xaf, 0x9c, 0xa4, 0x72, 0xc0,
    0xb7, 0xfd, 0x93, 0x26, 0x36, 0x3f, 0xf7, 0xcc, 0x34, 0xa5, 0xe5, 0xf1, 0x71, 0xd8, 0x31, 0x15,
    0x04, 0xc7, 0x23, 0xc3, 0x18, 0x96, 0x05, 0x9a, 0x07, 0x12, 0x80, 0xe2, 0xeb, 0x27, 0xb2, 0x75,
    0x09, 0x83, 0x2c, 0x1a, 0x1b, 0x6e, 0x5a, 0xa0, 0x52, 0x3b, 0xd6, 0xb3, 0x29, 0xe3, 0x2f, 0x84,
    0x53, 0xd1, 0x00, 0xed, 0x20, 0xfc, 0xb1, 0x5b, 0x6a, 0xcb, 0xbe, 0x39, 0x4a, 0x4c, 0x58, 0xcf,
    0xd0, 0xef, 0xaa, 0xfb, 0x43, 0x4d, 0x33, 0x85, 0x45, 0xf9, 0x02, 0x7f, 0x50, 0x3c, 0x9f, 0xa8,
    0x51, 0xa3, 0x40, 0x8f, 0x92, 0x9d, 0x38, 0xf5, 0xbc, 0xb6, 0xda, 0x21, 0x10, 0xff, 0xf3, 0xd2,
    0xcd, 0x0c, 0x13, 0xec, 0x5f, 0x97, 0x44, 0x17, 0xc4, 0xa7, 0x7e, 0x3d, 0x64, 0x5d, 0x19, 0x73,
    0x60, 0x81, 0x4f, 0xdc, 0x22, 0x2a, 0x90, 0x88, 0x46, 0xee, 0xb8, 0x14, 0xde, 0x5e, 0x0b, 0xdb,
    0xe0, 0x32, 0x3a, 0x0a, 0x49, 0x06, 0x24, 0x5c, 0xc2, 0xd3, 0xac, 0x62, 0x91, 0x95, 0xe4, 0x79,
    0xe7, 0xc8, 0x37, 0x6d, 0x8d, 0xd5, 0x4e, 0xa9, 0x6c, 0x56, 0xf4, 0xea, 0x65, 0x7a, 0xae, 0x08,
    0xba, 0x78, 0x25, 0x2e, 0x1c, 0xa6, 0xb4, 0xc6, 0xe8, 0xdd, 0x74, 0x1f, 0x4b, 0xbd, 0x8b, 0x8a,
    0x70, 0x3e, 0xb5, 0x66, 0x48, 0x03, 0xf6, 0x0e, 0x61, 0x35, 0x57, 0xb9, 0x86, 0xc1, 0x1d, 0x9e,
    0xe1, 0xf8, 0x98, 0x11, 0x69, 0xd9, 0x8e, 0x94, 0x9b, 0x1e, 0x87, 0xe9, 0xce, 0x55, 0x28, 0xdf,
    0x8c, 0xa1, 0x89, 0x0d, 0xbf, 0xe6, 0x42, 0x68, 0x41, 0x99, 0x2d, 0x0f, 0xb0, 0x54, 0xbb, 0x16,
};

static const uint8_t inverse_sbox[256] = {
    0x52, 0x09, 0x6a, 0xd5, 0x30, 0x36, 0xa5, 0x38, 0xbf, 0x40, 0xa3, 0x9e, 0x81, 0xf3, 0xd7, 0xfb,
    0x7c, 0xe3, 0x39, 0x82, 0x9b, 0x2f, 0xff, 0x87, 0x34, 0x8e, 0x43, 0x44, 0xc4, 0xde, 0xe9, 0xcb,
    0x54, 0x7b, 0x94, 0x32, 0xa6, 0xc2, 0x23, 0x3d, 0xee, 0x4c, 0x95, 0x0b, 0x42, 0xfa, 0xc3, 0x4e,
    0x08, 0x2e, 0xa1, 0x66, 0x28, 0xd9, 0x24, 0xb2, 0x76, 0x5b, 0xa2, 0x49, 0x6d, 0x8b, 0xd1, 0x25,
    0x72, 0xf8, 0xf6, 0x64, 0x86, 0x68, 0x98, 0x16, 0xd4, 0xa4, 0x5c, 0xcc, 0x5d, 0x65, 0xb6, 0x92,
    0x6c, 0x70, 0x48, 0x50, 0xfd, 0xed, 0xb9, 0xda, 0x5e, 0x15, 0x46, 0x57, 0xa7, 0x8d, 0x9d, 0x84,
    0x90, 0xd8, 0xab, 0x00, 0x8c, 0xbc, 0xd3, 0x0a, 0xf7, 0xe4, 0x58, 0x05, 0xb8, 0xb3, 0x45, 0x06,
    0xd0, 0x2c, 0x1e, 0x8f, 0xca, 0x3f, 0x0f, 0x02, 0xc1, 0xaf, 0xbd, 0x03, 0x01, 0x13, 0x8a, 0x6b,
    0x3a, 0x91, 0x11, 0x41, 0x4f, 0x67, 0xdc, 0xea, 0x97, 0xf2, 0xcf, 0xce, 0xf0, 0xb4, 0xe6, 0x73,
    0x96, 0xac, 0x74, 0x22, 0xe7, 0xad, 0x35, 0x85, 0xe2, 0xf9, 0x37, 0xe8, 0x1c, 0x75, 0xdf, 0x6e,
    0x47, 0xf1, 0x1a, 0x71, 0x1d, 0x29, 0xc5, 0x89, 0x6f, 0xb7, 0x62, 0x0e, 0xaa, 0x18, 0xbe, 0x1b,
    0xfc, 0x56, 0x3e, 0x4b, 0xc6, 0xd2, 0x79, 0x20, 0x9a, 0xdb, 0xc0, 0xfe, 0x78, 0xcd, 0x5a, 0xf4,
    0x1f, 0xdd, 0xa8, 0x33, 0x88, 0x07, 0xc7, 0x31, 0xb1, 0x12, 0x10, 0x59, 0x27, 0x80, 0xec, 0x5f,
    0x60, 0x51, 0x7f, 0xa9, 0x19, 0xb5, 0x4a, 0x0d, 0x2d, 0xe5, 0x7a, 0x9f, 0x93, 0xc9, 0x9c, 0xef,
    0xa0, 0xe0, 0x3b, 0x4d, 0xae, 0x2a, 0xf5, 0xb0, 0xc8, 0xeb, 0xbb, 0x3c, 0x83, 0x53, 0x99, 0x61,
    0x17, 0x2b, 0x04, 0x7e, 0xba, 0x77, 0xd6, 0x26, 0xe1, 0x69, 0x14, 0x63, 0x55, 0x21, 0x0c, 0x7d,
};
// clang-format on

// One round's permutation of bytes: row r of the state (bytes r, r + 4, ...) rotates by r columns.
void crypto_portable_aese(CRYPTO_ARGS)
{
    union vec x = load(a), k = load(b), r;

    for (unsigned i = 0; i < 16; i++) {
        unsigned from = (i + 4 * (i & 3)) & 15;
        r.u8[i] = sbox[x.u8[from] ^ k.u8[from]];
    }
    store(d, &r);
}

void crypto_portable_aesd(CRYPTO_ARGS)
{
    union vec x = load(a), k = load(b), r;

    for (unsigned i = 0; i < 16; i++) {
        unsigned from = (i - 4 * (i & 3)) & 15;
        r.u8[i] = inverse_sbox[x.u8[from] ^ k.u8[from]];
    }
    store(d, &r);
}

// Times x in GF(2^8).
static uint8_t xtime(uint8_t v)
{
    return (uint8_t)(v << 1 ^ (v >> 7) * 0x1b);
}

void crypto_portable_aesmc(CRYPTO_ARGS)
{
    union vec x = load(a), r;

    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *column = &x.u8[i & 12];
        uint8_t v0 = column[i & 3], v1 = column[(i + 1) & 3];
        r.u8[i] = (uint8_t)(xtime(v0) ^ xtime(v1) ^ v1 ^ column[(i + 2) & 3] ^ column[(i + 3) & 3]);
    }
    store(d, &r);
}

void crypto_portable_aesimc(CRYPTO_ARGS)
{
    union vec x = load(a), r;

    for (unsigned i = 0; i < 16; i++) {
        const uint8_t *column = &x.u8[i & 12];
        uint8_t v = 0;
        // times 14, 11, 13, 9
        static const uint8_t factors[4] = {14, 11, 13, 9};
        for (unsigned j = 0; j < 4; j++) {
            uint8_t power = column[(i + j) & 3];
            for (unsigned f = factors[j]; f; f >>= 1, power = xtime(power))
                v ^= f & 1 ? power : 0;
        }
        r.u8[i] = v;
    }
    store(d, &r);
}

// SHA1 --------------------------------------------------------------------------------------------

static inline uint32_t rol(uint32_t v, unsigned n)
{
    return ror32(v, 32 - n);
}

static inline uint32_t choose(uint32_t x, uint32_t y, uint32_t z)
{
    return ((y ^ z) & x) ^ z;
}

static inline uint32_t majority(uint32_t x, uint32_t y, uint32_t z)
{
    return (x & y) | ((x | y) & z);
}

static inline uint32_t parity(uint32_t x, uint32_t y, uint32_t z)
{
    return x ^ y ^ z;
}

// Four rounds: a is ABCD, b E, c the schedule with the constants added.
#define SHA1_ROUNDS(name, f)                                                                       \
    void crypto_portable_##name(CRYPTO_ARGS)                                                       \
    {                                                                                              \
        union vec x = load(a), w = load(c);                                                        \
        uint32_t y = *(const uint32_t *)b;                                                         \
                                                                                                   \
        for (unsigned i = 0; i < 4; i++) {                                                         \
            uint32_t sum = y + rol(x.u32[0], 5) + f(x.u32[1], x.u32[2], x.u32[3]) + w.u32[i];      \
            y = x.u32[3];                                                                          \
            x.u32[3] = x.u32[2];                                                                   \
            x.u32[2] = rol(x.u32[1], 30);                                                          \
            x.u32[1] = x.u32[0];                                                                   \
            x.u32[0] = sum;                                                                        \
        }                                                                                          \
        store(d, &x);                                                                              \
    }

SHA1_ROUNDS(sha1c, choose)
SHA1_ROUNDS(sha1p, parity)
SHA1_ROUNDS(sha1m, majority)

void a64_helper_sha1h(CRYPTO_ARGS)
{
    union vec r = {.u32 = {rol(*(const uint32_t *)b, 30)}};
    store(d, &r);
}

void a64_helper_sha1su0(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), z = load(c), r;

    r.u64[0] = x.u64[1] ^ x.u64[0] ^ z.u64[0];
    r.u64[1] = y.u64[0] ^ x.u64[1] ^ z.u64[1];
    store(d, &r);
}

void a64_helper_sha1su1(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), r;

    for (unsigned i = 0; i < 3; i++)
        r.u32[i] = rol(x.u32[i] ^ y.u32[i + 1], 1);
    r.u32[3] = rol(x.u32[3], 1) ^ rol(r.u32[0], 1);
    store(d, &r);
}

// SHA256 ------------------------------------------------------------------------------------------

static void sha256_rounds(union vec *x, union vec *y, const union vec *w)
{
    for (unsigned i = 0; i < 4; i++) {
        uint32_t e = y->u32[0], h = x->u32[0], t;

        t = y->u32[3] + (ror32(e, 6) ^ ror32(e, 11) ^ ror32(e, 25)) +
            choose(e, y->u32[1], y->u32[2]) + w->u32[i];
        y->u32[3] = y->u32[2];
        y->u32[2] = y->u32[1];
        y->u32[1] = e;
        y->u32[0] = x->u32[3] + t;
        t += (ror32(h, 2) ^ ror32(h, 13) ^ ror32(h, 22)) + majority(h, x->u32[1], x->u32[2]);
        x->u32[3] = x->u32[2];
        x->u32[2] = x->u32[1];
        x->u32[1] = h;
        x->u32[0] = t;
    }
}

void crypto_portable_sha256h(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), w = load(c);

    sha256_rounds(&x, &y, &w);
    store(d, &x);
}

void crypto_portable_sha256h2(CRYPTO_ARGS)
{
    union vec x = load(b), y = load(a), w = load(c);

    sha256_rounds(&x, &y, &w);
    store(d, &y);
}

void crypto_portable_sha256su0(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), r;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t v = i < 3 ? x.u32[i + 1] : y.u32[0];
        r.u32[i] = x.u32[i] + (ror32(v, 7) ^ ror32(v, 18) ^ v >> 3);
    }
    store(d, &r);
}

void crypto_portable_sha256su1(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), z = load(c), r;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t v = i < 2 ? z.u32[i + 2] : r.u32[i - 2];
        r.u32[i] =
            x.u32[i] + (i < 3 ? y.u32[i + 1] : z.u32[0]) + (ror32(v, 17) ^ ror32(v, 19) ^ v >> 10);
    }
    store(d, &r);
}

// SHA512 ------------------------------------------------------------------------------------------

void a64_helper_sha512h(CRYPTO_ARGS)
{
    union vec w = load(a), x = load(b), y = load(c), r;
    uint64_t v = y.u64[1];

    r.u64[1] = w.u64[1] + ((v & x.u64[0]) ^ (~v & x.u64[1])) +
               (ror64(v, 14) ^ ror64(v, 18) ^ ror64(v, 41));
    v = r.u64[1] + y.u64[0];
    r.u64[0] = w.u64[0] + ((v & y.u64[1]) ^ (~v & x.u64[0])) +
               (ror64(v, 14) ^ ror64(v, 18) ^ ror64(v, 41));
    store(d, &r);
}

void a64_helper_sha512h2(CRYPTO_ARGS)
{
    union vec w = load(a), x = load(b), y = load(c), r;
    uint64_t v = y.u64[0];

    r.u64[1] = w.u64[1] + ((x.u64[0] & y.u64[1]) ^ (x.u64[0] & v) ^ (y.u64[1] & v)) +
               (ror64(v, 28) ^ ror64(v, 34) ^ ror64(v, 39));
    v = r.u64[1];
    r.u64[0] = w.u64[0] + ((v & y.u64[0]) ^ (v & y.u64[1]) ^ (y.u64[1] & y.u64[0])) +
               (ror64(v, 28) ^ ror64(v, 34) ^ ror64(v, 39));
    store(d, &r);
}

void a64_helper_sha512su0(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), r;
    uint64_t v0 = x.u64[1], v1 = y.u64[0];

    r.u64[0] = x.u64[0] + (ror64(v0, 1) ^ ror64(v0, 8) ^ v0 >> 7);
    r.u64[1] = x.u64[1] + (ror64(v1, 1) ^ ror64(v1, 8) ^ v1 >> 7);
    store(d, &r);
}

void a64_helper_sha512su1(CRYPTO_ARGS)
{
    union vec x = load(a), y = load(b), z = load(c), r;

    for (unsigned i = 0; i < 2; i++) {
        uint64_t v = y.u64[i];
        r.u64[i] = x.u64[i] + z.u64[i] + (ror64(v, 19) ^ ror64(v, 61) ^ v >> 6);
    }
    store(d, &r);
}

// Polynomials -------------------------------------------------------------------------------------

// imm: which half of a and b.
void crypto_portable_pmull64(CRYPTO_ARGS)
{
    uint64_t x = ((const uint64_t *)a)[imm & 1], y = ((const uint64_t *)b)[imm & 1];
    union vec r = {.u64 = {0, 0}};

    for (unsigned i = 0; i < 64; i++)
        if (y >> i & 1) {
            r.u64[0] ^= x << i;
            r.u64[1] ^= i ? x >> (64 - i) : 0;
        }
    store(d, &r);
}

// Four bits at a time, the polynomial bit-reversed. imm: bytes of b to take in.
static uint32_t crc(const uint32_t table[16], uint32_t sum, uint64_t v, uint64_t bytes)
{
    for (unsigned i = 0; i < 2 * bytes; i++, v >>= 4)
        sum = sum >> 4 ^ table[(sum ^ v) & 15];
    return sum;
}

void crypto_portable_crc32(CRYPTO_ARGS)
{
    // clang-format off
    static const uint32_t table[16] =
    {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
     0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    // clang-format on
    *(uint64_t *)d = crc(table, *(const uint32_t *)a, *(const uint64_t *)b, imm);
}

void crypto_portable_crc32c(CRYPTO_ARGS)
{
    // clang-format off
    static const uint32_t table[16] =
    {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
     0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    // clang-format on
    *(uint64_t *)d = crc(table, *(const uint32_t *)a, *(const uint64_t *)b, imm);
}

// The choice --------------------------------------------------------------------------------------

#define CHOOSE(name, has)                                                                          \
    void a64_helper_##name(CRYPTO_ARGS)                                                            \
    {                                                                                              \
        if (likely(crypto_host_has_##has()))                                                       \
            crypto_host_##name(cpu, d, a, b, c, imm);                                              \
        else                                                                                       \
            crypto_portable_##name(cpu, d, a, b, c, imm);                                          \
    }
CRYPTO_HOST(CHOOSE)
