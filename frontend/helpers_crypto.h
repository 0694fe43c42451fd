// SPDX-License-Identifier: GPL-3.0-or-later
// Cryptographic helpers and CRC32: a portable form of each (helpers_crypto.c), and one that uses
// the host's instructions (crypto_host.c) where there is a point in it. What the frontend calls,
// a64_helper_<name>(), takes the host's if the host has it; tests compare the two.
//
// All are ir_fn: pointers to 16-byte vectors that may overlap (CRC32: to 64-bit words), no state.
#ifndef FRONTEND_HELPERS_CRYPTO_H
#define FRONTEND_HELPERS_CRYPTO_H

#include "jit/guest.h"

// CRYPTO_HOST(name, what the host must have): both forms exist.
#define CRYPTO_HOST(X)                                                                             \
    X(aese, aes)                                                                                   \
    X(aesd, aes)                                                                                   \
    X(aesmc, aes)                                                                                  \
    X(aesimc, aes)                                                                                 \
    X(pmull64, clmul)                                                                              \
    X(sha1c, sha)                                                                                  \
    X(sha1p, sha)                                                                                  \
    X(sha1m, sha)                                                                                  \
    X(sha256h, sha)                                                                                \
    X(sha256h2, sha)                                                                               \
    X(sha256su0, sha)                                                                              \
    X(sha256su1, sha)                                                                              \
    X(crc32, clmul)                                                                                \
    X(crc32c, sse42)

#define CRYPTO_DECLARE(name, has) ir_fn crypto_portable_##name, crypto_host_##name;
CRYPTO_HOST(CRYPTO_DECLARE)
#undef CRYPTO_DECLARE

bool crypto_host_has_aes(void);
bool crypto_host_has_clmul(void);
bool crypto_host_has_sha(void);
bool crypto_host_has_sse42(void);

#endif
