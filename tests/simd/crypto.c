// SPDX-License-Identifier: GPL-3.0-or-later
// The host's cryptographic instructions against the portable forms, and both against published
// results: FIPS 197 (AES), FIPS 180 (SHA1, SHA256), CRC catalogue.
#include "frontend/helpers_crypto.h"

#include "frontend/helpers.h"
#include "jit/vcpu.h"
#include "tests/support/random.h"

#include <criterion/criterion.h>
#include <string.h>

static uint64_t state = 0x853c49e6748fea9b;

static uint64_t random64(void)
{
    return random_next(&state);
}

struct pair {
    const char *name;
    ir_fn *portable, *host;
    bool (*has)(void);
};

static const struct pair pairs[] = {
#define PAIR(name, has) {#name, crypto_portable_##name, crypto_host_##name, crypto_host_has_##has},
    CRYPTO_HOST(PAIR)
#undef PAIR
};

Test(simd_crypto, host_is_portable)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++) {
        bool crc = strncmp(pairs[i].name, "crc", 3) == 0;
        if (!pairs[i].has()) {
            cr_log_warn("%s: not on this host", pairs[i].name);
            continue;
        }
        for (unsigned round = 0; round < 2000; round++) {
            union vec v[3], d = {.u64 = {0}}, e = {.u64 = {0}};
            uint64_t imm = crc ? 1u << random64() % 4 : random64() & 1;
            for (unsigned j = 0; j < 3; j++)
                v[j] = (union vec){.u64 = {random64(), random64()}};
            pairs[i].portable(NULL, &d, &v[0], &v[1], &v[2], imm);
            pairs[i].host(NULL, &e, &v[0], &v[1], &v[2], imm);
            cr_assert(memcmp(&d, &e, 16) == 0,
                      "%s imm %llu: portable %016llx%016llx host %016llx%016llx", pairs[i].name,
                      (unsigned long long)imm, (unsigned long long)d.u64[1],
                      (unsigned long long)d.u64[0], (unsigned long long)e.u64[1],
                      (unsigned long long)e.u64[0]);
        }
    }
}

// Either form of a helper.
static ir_fn *form(const char *name, bool host)
{
    for (unsigned i = 0; i < ARRAY_SIZE(pairs); i++)
        if (!strcmp(pairs[i].name, name))
            return host && pairs[i].has() ? pairs[i].host : pairs[i].portable;
    cr_assert_fail("%s", name);
    return NULL;
}

// FIPS 197, appendix B: the first round of the example.
Test(simd_crypto, aes_round)
{
    static const union vec start = {.u8 = {0x32, 0x43, 0xf6, 0xa8, 0x88, 0x5a, 0x30, 0x8d, 0x31,
                                           0x31, 0x98, 0xa2, 0xe0, 0x37, 0x07, 0x34}};
    static const union vec key = {.u8 = {0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7,
                                         0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c}};
    static const union vec mixed = {.u8 = {0x04, 0x66, 0x81, 0xe5, 0xe0, 0xcb, 0x19, 0x9a, 0x48,
                                           0xf8, 0xd3, 0x7a, 0x28, 0x06, 0x26, 0x4c}};

    for (int host = 0; host < 2; host++) {
        union vec v = start, zero = {.u64 = {0}}, back;
        form("aese", host)(NULL, &v, &v, &key, &zero, 0);
        form("aesmc", host)(NULL, &v, &v, &zero, &zero, 0);
        cr_assert(memcmp(&v, &mixed, 16) == 0, "host %d", host);
        form("aesimc", host)(NULL, &v, &v, &zero, &zero, 0);
        form("aesd", host)(NULL, &back, &v, &zero, &zero, 0);
        for (unsigned i = 0; i < 16; i++)
            cr_assert_eq(back.u8[i] ^ key.u8[i], start.u8[i], "host %d byte %u", host, i);
    }
}

// FIPS 180: the block that is the padded message "abc", big-endian words.
static void abc_block(uint32_t w[80])
{
    memset(w, 0, 80 * sizeof(*w));
    w[0] = 0x61626380;
    w[15] = 24;
}

Test(simd_crypto, sha256_abc)
{
    static const uint32_t k[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
        0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
        0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
        0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
        0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
        0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
        0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
        0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
        0xc67178f2};
    static const union vec h0 = {.u32 = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a}};
    static const union vec h1 = {.u32 = {0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};

    for (int host = 0; host < 2; host++) {
        union vec x = h0, y = h1, w[16];
        uint32_t block[80];
        abc_block(block);
        memcpy(w, block, 64);
        for (unsigned i = 4; i < 16; i++) {
            w[i] = w[i - 4];
            form("sha256su0", host)(NULL, &w[i], &w[i], &w[i - 3], NULL, 0);
            form("sha256su1", host)(NULL, &w[i], &w[i], &w[i - 2], &w[i - 1], 0);
        }
        for (unsigned i = 0; i < 16; i++) {
            union vec wk = w[i], old = x;
            for (unsigned j = 0; j < 4; j++)
                wk.u32[j] += k[4 * i + j];
            form("sha256h", host)(NULL, &x, &x, &y, &wk, 0);
            form("sha256h2", host)(NULL, &y, &y, &old, &wk, 0);
        }
        cr_assert_eq(x.u32[0] + h0.u32[0], 0xba7816bf, "host %d", host);
        cr_assert_eq(y.u32[3] + h1.u32[3], 0xf20015ad, "host %d", host);
    }
}

Test(simd_crypto, sha1_abc)
{
    static const char *const names[] = {"sha1c", "sha1p", "sha1m", "sha1p"};
    static const uint32_t k[] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};

    for (int host = 0; host < 2; host++) {
        union vec x = {.u32 = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476}}, w[20];
        union vec e = {.u32 = {0xc3d2e1f0}};
        uint32_t block[80];
        abc_block(block);
        memcpy(w, block, 64);
        for (unsigned i = 4; i < 20; i++) {
            w[i] = w[i - 4];
            a64_helper_sha1su0(NULL, &w[i], &w[i], &w[i - 3], &w[i - 2], 0);
            a64_helper_sha1su1(NULL, &w[i], &w[i], &w[i - 1], NULL, 0);
        }
        for (unsigned i = 0; i < 20; i++) {
            union vec wk = w[i], next;
            for (unsigned j = 0; j < 4; j++)
                wk.u32[j] += k[i / 5];
            a64_helper_sha1h(NULL, &next, NULL, &x, NULL, 0);
            form(names[i / 5], host)(NULL, &x, &x, &e, &wk, 0);
            e = next;
        }
        cr_assert_eq(x.u32[0] + 0x67452301, 0xa9993e36, "host %d", host);
        cr_assert_eq(e.u32[0] + 0xc3d2e1f0, 0x9cd0d89d, "host %d", host);
    }
}

// Check values: the CRC of "123456789", initial value and result inverted.
Test(simd_crypto, crc_check_values)
{
    static const struct {
        const char *name;
        uint32_t check;
    } rows[] = {{"crc32", 0xcbf43926}, {"crc32c", 0xe3069283}};

    for (unsigned i = 0; i < ARRAY_SIZE(rows); i++)
        for (int host = 0; host < 2; host++) {
            uint64_t sum = 0xffffffff, v = 0;
            memcpy(&v, "12345678", 8);
            form(rows[i].name, host)(NULL, &sum, &sum, &v, NULL, 8);
            v = '9';
            form(rows[i].name, host)(NULL, &sum, &sum, &v, NULL, 1);
            cr_assert_eq(sum ^ 0xffffffff, rows[i].check, "%s host %d: %llx", rows[i].name, host,
                         (unsigned long long)sum);
        }
}
