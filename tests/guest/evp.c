// SPDX-License-Identifier: GPL-3.0-or-later
// Every cipher and digest that libcrypto's providers have, AEAD modes too, over many lengths, in
// one piece and in pieces: prints "= NAME LABEL SUM" for each; SUM covers all that came out.
// Declares what it uses of OpenSSL 3 itself, so that no headers are needed in the guest.
#include <stdint.h>
#include <stdio.h>
#include <string.h>

void *OSSL_PROVIDER_load(void *ctx, const char *name);
void EVP_CIPHER_do_all_provided(void *ctx, void (*fn)(void *cipher, void *arg), void *arg);
void EVP_MD_do_all_provided(void *ctx, void (*fn)(void *md, void *arg), void *arg);
const char *EVP_CIPHER_get0_name(const void *c);
int EVP_CIPHER_get_mode(const void *c);
unsigned long EVP_CIPHER_get_flags(const void *c);
void *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(void *ctx);
void EVP_CIPHER_CTX_set_flags(void *ctx, int flags);
int EVP_CIPHER_CTX_ctrl(void *ctx, int type, int arg, void *p);
int EVP_CipherInit_ex2(void *ctx, const void *c, const uint8_t *key, const uint8_t *iv, int enc,
                       const void *params);
int EVP_CipherUpdate(void *ctx, uint8_t *out, int *n, const uint8_t *in, int len);
int EVP_CipherFinal_ex(void *ctx, uint8_t *out, int *n);
const char *EVP_MD_get0_name(const void *md);
void *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(void *ctx);
int EVP_DigestInit_ex2(void *ctx, const void *md, const void *params);
int EVP_DigestUpdate(void *ctx, const void *data, size_t n);
int EVP_DigestFinal_ex(void *ctx, uint8_t *out, unsigned *n);

#define AEAD        0x200000u
#define MODE_CCM    7
#define MODE_SIV    0x10004
#define CTRL_GETTAG 0x10
#define CTRL_SETTAG 0x11

static const unsigned lengths[] = {0,   1,   8,   15,  16,  17,  24,  31,   32,   33,   48,  63,
                                   64,  65,  80,  96,  112, 127, 128, 129,  191,  192,  193, 255,
                                   256, 257, 320, 384, 511, 512, 513, 1024, 1040, 4096, 4099};
static uint8_t key[64], iv[16], data[8192];
static const char *label;

static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
    return sum;
}

// One message one way, in steps of that many bytes. Returns the bytes made, -1 if refused.
static int crypt_message(void *cipher, int enc, const uint8_t *in, int n, int step, uint8_t *out,
                         uint8_t *tag)
{
    void *ctx = EVP_CIPHER_CTX_new();
    int mode = EVP_CIPHER_get_mode(cipher), aead = (EVP_CIPHER_get_flags(cipher) & AEAD) != 0;
    int done = 0, part = 0, ok;

    EVP_CIPHER_CTX_set_flags(ctx, 1); // key wrapping is allowed
    ok = EVP_CipherInit_ex2(ctx, cipher, NULL, NULL, enc, NULL);
    if (ok && aead && (!enc || mode == MODE_CCM))
        EVP_CIPHER_CTX_ctrl(ctx, CTRL_SETTAG, mode == MODE_CCM ? 12 : 16, enc ? NULL : tag);
    ok = ok && EVP_CipherInit_ex2(ctx, NULL, key, iv, enc, NULL);
    if (ok && mode == MODE_CCM)
        ok = EVP_CipherUpdate(ctx, NULL, &part, NULL, n);
    if (ok && aead)
        ok = EVP_CipherUpdate(ctx, NULL, &part, data + 5000, 29);
    if (mode == MODE_CCM || mode == MODE_SIV || (mode & 0x10000))
        step = n ? n : 1;
    for (int i = 0; ok && (i < n || (mode == MODE_CCM && i == 0)); i += step) {
        ok = EVP_CipherUpdate(ctx, out + done, &part, in + i, n - i < step ? n - i : step);
        done += ok ? part : 0;
    }
    ok = ok && EVP_CipherFinal_ex(ctx, out + done, &part);
    done += ok ? part : 0;
    if (ok && aead && enc)
        EVP_CIPHER_CTX_ctrl(ctx, CTRL_GETTAG, mode == MODE_CCM ? 12 : 16, tag);
    EVP_CIPHER_CTX_free(ctx);
    return ok ? done : -1;
}

static void try_cipher(void *cipher, void *arg)
{
    static uint8_t out[9000], back[9000];
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    unsigned encrypted = 0, wrong = 0;

    if (!strcmp(EVP_CIPHER_get0_name(cipher), "DES3-WRAP") ||
        strstr(EVP_CIPHER_get0_name(cipher), "HMAC"))
        return; // takes random bytes; for TLS records only
    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (int step = 13; step < 10000; step = step * 9 + 4) {
            uint8_t tag[16] = {0};
            int n = crypt_message(cipher, 1, data, (int)lengths[i], step, out, tag), m;
            sum = sum_bytes(sum ^ (unsigned)n, out, n > 0 ? (size_t)n : 0);
            sum = sum_bytes(sum, tag, 16);
            if (n < 0)
                continue;
            encrypted++;
            m = crypt_message(cipher, 0, out, n, step, back, tag);
            wrong += m != (int)lengths[i] || memcmp(back, data, lengths[i]) != 0;
        }
    printf("= evp %s %s %u/%u/%016llx\n", EVP_CIPHER_get0_name(cipher), label, encrypted, wrong,
           (unsigned long long)sum);
}

static void try_digest(void *md, void *arg)
{
    uint64_t sum = UINT64_C(0xcbf29ce484222325);

    for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        for (unsigned step = 13; step < 10000; step = step * 9 + 4) {
            void *ctx = EVP_MD_CTX_new();
            uint8_t out[128];
            unsigned n = 0;
            int ok = EVP_DigestInit_ex2(ctx, md, NULL);
            for (unsigned j = 0; ok && j < lengths[i]; j += step)
                ok = EVP_DigestUpdate(ctx, data + j, lengths[i] - j < step ? lengths[i] - j : step);
            if (ok && EVP_DigestFinal_ex(ctx, out, &n))
                sum = sum_bytes(sum, out, n);
            EVP_MD_CTX_free(ctx);
        }
    printf("= evp %s %s %016llx\n", EVP_MD_get0_name(md), label, (unsigned long long)sum);
}

int main(int argc, char **argv)
{
    label = argc > 1 ? argv[1] : "";
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(i * 7 + 1);
    for (unsigned i = 0; i < sizeof(iv); i++)
        iv[i] = (uint8_t)(0xf0 + i); // a counter that carries
    for (unsigned i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * i >> 3 ^ i * 31);
    if (!OSSL_PROVIDER_load(NULL, "default") || !OSSL_PROVIDER_load(NULL, "legacy"))
        printf("! no provider\n");
    EVP_CIPHER_do_all_provided(NULL, try_cipher, NULL);
    EVP_MD_do_all_provided(NULL, try_digest, NULL);
    return 0;
}
