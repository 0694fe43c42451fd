// SPDX-License-Identifier: GPL-3.0-or-later
// Cryptographic extension and CRC32: helpers (helpers_crypto.c), and for SHA3 vector operations.
#include "frontend/tr_simd.h"

// The first source of most of these is d itself.
static bool call(struct tr *t, unsigned helper, int d, int n, int m)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_call(&t->ir, helper, tr_v(d), tr_v(d), tr_v(n), tr_v(m), 0);
    return true;
}

bool tr_aes(struct tr *t, enum a64_op op, const struct a64_crypto2 *f)
{
    unsigned helper = op == A64_AESE    ? A64_HELPER_aese
                      : op == A64_AESD  ? A64_HELPER_aesd
                      : op == A64_AESMC ? A64_HELPER_aesmc
                                        : A64_HELPER_aesimc;
    bool mix = op == A64_AESMC || op == A64_AESIMC;

    if (!tr_fp_enabled(t))
        return true;
    if (mix)
        ir_call(&t->ir, helper, tr_v(f->rd), tr_v(f->rn), IR_NONE, IR_NONE, 0);
    else
        ir_call(&t->ir, helper, tr_v(f->rd), tr_v(f->rd), tr_v(f->rn), IR_NONE, 0);
    return true;
}

bool tr_sha1(struct tr *t, enum a64_op op, const struct a64_crypto3 *f)
{
    unsigned helper = op == A64_SHA1C   ? A64_HELPER_sha1c
                      : op == A64_SHA1P ? A64_HELPER_sha1p
                      : op == A64_SHA1M ? A64_HELPER_sha1m
                                        : A64_HELPER_sha1su0;
    return call(t, helper, f->rd, f->rn, f->rm);
}

bool tr_sha1_two(struct tr *t, enum a64_op op, const struct a64_crypto2 *f)
{
    return call(t, op == A64_SHA1H ? A64_HELPER_sha1h : A64_HELPER_sha1su1, f->rd, f->rn, f->rn);
}

bool tr_sha256(struct tr *t, enum a64_op op, const struct a64_crypto3 *f)
{
    unsigned helper = op == A64_SHA256H    ? A64_HELPER_sha256h
                      : op == A64_SHA256H2 ? A64_HELPER_sha256h2
                                           : A64_HELPER_sha256su1;
    return call(t, helper, f->rd, f->rn, f->rm);
}

bool tr_sha256_two(struct tr *t, enum a64_op op, const struct a64_crypto2 *f)
{
    return call(t, A64_HELPER_sha256su0, f->rd, f->rn, f->rn);
}

bool tr_sha512(struct tr *t, enum a64_op op, const struct a64_crypto3 *f)
{
    unsigned helper = op == A64_SHA512H    ? A64_HELPER_sha512h
                      : op == A64_SHA512H2 ? A64_HELPER_sha512h2
                                           : A64_HELPER_sha512su1;
    return call(t, helper, f->rd, f->rn, f->rm);
}

bool tr_sha512_two(struct tr *t, enum a64_op op, const struct a64_crypto2 *f)
{
    return call(t, A64_HELPER_sha512su0, f->rd, f->rn, f->rn);
}

bool tr_sha3_rax1(struct tr *t, enum a64_op op, const struct a64_crypto3 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_RAX1, tr_bits(1), f->rd, tr_v(f->rn), tr_v(f->rm), 0);
}

bool tr_sha3_logical(struct tr *t, enum a64_op op, const struct a64_crypto4 *f)
{
    if (!tr_fp_enabled(t))
        return true;
    ir_vec(&t->ir, op == A64_EOR3 ? IRV_XOR3 : IRV_XORANDN, tr_bits(1), tr_v(f->rd), tr_v(f->rn),
           tr_v(f->rm), tr_v(f->ra), 0);
    return true;
}

bool tr_sha3_xar(struct tr *t, enum a64_op op, const struct a64_xar *f)
{
    if (!tr_fp_enabled(t))
        return true;
    return tr_vec(t, IRV_XAR, tr_bits(1), f->rd, tr_v(f->rn), tr_v(f->rm), (uint64_t)f->imm6);
}

bool tr_pmull(struct tr *t, enum a64_op op, const struct a64_simd_diff *f)
{
    if (!tr_fp_enabled(t))
        return true;
    if (f->size == 0)
        return tr_vec(t, IRV_PMULL, IR_LANE8 | IR_FULL, f->rd, tr_v(f->rn), tr_v(f->rm),
                      irv_part(0, f->Q));
    ir_call(&t->ir, A64_HELPER_pmull64, tr_v(f->rd), tr_v(f->rn), tr_v(f->rm), IR_NONE,
            (uint64_t)f->Q);
    return true;
}

bool tr_crc32(struct tr *t, enum a64_op op, const struct a64_crc32 *f)
{
    ir_call(&t->ir, f->C ? A64_HELPER_crc32c : A64_HELPER_crc32, tr_xd((unsigned)f->rd),
            tr_x(t, (unsigned)f->rn), tr_x(t, (unsigned)f->rm), IR_NONE, 1u << f->sz);
    return true;
}
