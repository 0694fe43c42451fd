// SPDX-License-Identifier: GPL-3.0-or-later
// Moves and permutations of lanes.
//
// Any permutation is PSHUFB by masks made here: 64-bit operands are put side by side first, 128-bit
// ones shuffled each and or-ed. The commonest have instructions of their own.
#include "jit/quick_vec.h"

// Permutations ------------------------------------------------------------------------------------

// Which lane of a, then b, then c, lane i of the result is.
static unsigned origin(unsigned vop, unsigned lanes, unsigned n, unsigned i)
{
    switch (vop) {
    case IRV_REV:
        return i ^ n;
    case IRV_EXT:
        return i + n;
    case IRV_ZIP1:
        return i / 2 + (i & 1 ? lanes : 0);
    case IRV_ZIP2:
        return lanes / 2 + i / 2 + (i & 1 ? lanes : 0);
    case IRV_UZP1:
        return 2 * i;
    case IRV_UZP2:
        return 2 * i + 1;
    case IRV_TRN1:
        return i & 1 ? lanes + i - 1 : i;
    case IRV_TRN2:
        return i & 1 ? lanes + i : i + 1;
    case IRV_UZP3:
        return 3 * i + n;
    default:
        return (n * lanes + i) % 3 * lanes + (n * lanes + i) / 3; // ZIP3
    }
}

// The mask that takes the bytes of operand `which` and zeroes for the others.
static struct x86_rm mask(struct quick_tr *t, const struct ir_insn *i, unsigned vop, unsigned bytes,
                          unsigned first, unsigned length)
{
    unsigned size = 1u << quick_vec_lane(i), lanes = bytes / size;
    uint64_t words[2] = {0, 0};
    for (unsigned n = 0; n < 16; n++) {
        unsigned from =
            n < bytes ? origin(vop, lanes, i->imm & 0xff, n / size) * size + n % size : 0x80;
        unsigned byte = n < bytes && from >= first && from < first + length ? from - first : 0x80;
        words[n / 8] |= (uint64_t)byte << 8 * (n % 8);
    }
    return quick_vec_const(t, words[0], words[1]);
}

void quick_vec_permute(struct quick_tr *t, const struct ir_insn *i, unsigned vop, ir_val a,
                       ir_val b)
{
    if (quick_vec_shape(i) == IR_HALF) {
        quick_vec_op(t, X86_MOVQ, 0, quick_vec_full(t, a));
        quick_vec_op(t, X86_MOVHPS, 0, quick_vec_mem(t, b));
        quick_vec_op(t, X86_PSHUFB, 0, mask(t, i, vop, 8, 0, 16));
        return;
    }
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, a));
    quick_vec_op(t, X86_MOVAPS, 1, quick_vec_full(t, b));
    quick_vec_op(t, X86_PSHUFB, 0, mask(t, i, vop, 16, 0, 16));
    quick_vec_op(t, X86_PSHUFB, 1, mask(t, i, vop, 16, 16, 16));
    quick_vec_rr(t, X86_POR, 0, 1);
}

// Full vectors whose form the host knows.
static bool known(struct quick_tr *t, const struct ir_insn *i)
{
    static const uint32_t low[4] = {X86_PUNPCKLBW, X86_PUNPCKLWD, X86_PUNPCKLDQ, X86_PUNPCKLQDQ};
    static const uint32_t high[4] = {X86_PUNPCKHBW, X86_PUNPCKHWD, X86_PUNPCKHDQ, X86_PUNPCKHQDQ};
    unsigned lane = quick_vec_lane(i), vop = i->attr;
    bool words = lane == IR_LANE64 && vop != IRV_EXT; // two lanes: all are ZIPs
    if (vop == IRV_EXT) {
        quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->b));
        quick_vec_imm(t, X86_PALIGNR, 0, quick_vec_full(t, i->a), i->imm & 0xff);
        return true;
    }
    bool first = vop == IRV_ZIP1 || (words && (vop == IRV_UZP1 || vop == IRV_TRN1));
    bool second = vop == IRV_ZIP2 || (words && (vop == IRV_UZP2 || vop == IRV_TRN2));
    bool shuffle = lane == IR_LANE32 && (vop == IRV_UZP1 || vop == IRV_UZP2);
    if (!first && !second && !shuffle)
        return false;
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->a));
    if (shuffle)
        quick_vec_imm(t, X86_SHUFPS, 0, quick_vec_full(t, i->b), vop == IRV_UZP1 ? 0x88 : 0xdd);
    else
        quick_vec_op(t, (first ? low : high)[lane], 0, quick_vec_full(t, i->b));
    return true;
}

static bool permute(struct quick_tr *t, const struct ir_insn *i)
{
    bool full = quick_vec_shape(i) == IR_FULL;
    if (!full || !known(t, i))
        quick_vec_permute(t, i, i->attr, i->a, i->b);
    quick_vec_store_all(t, i->d, 0);
    return true;
}

static bool reverse(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned bytes = quick_vec_shape(i) == IR_FULL ? 16 : 8;
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->a));
    quick_vec_op(t, X86_PSHUFB, 0, mask(t, i, IRV_REV, bytes, 0, 16));
    quick_vec_store_all(t, i->d, 0);
    return true;
}

static bool permute3(struct quick_tr *t, const struct ir_insn *i)
{
    const ir_val operands[3] = {i->a, i->b, i->c};
    unsigned bytes = quick_vec_shape(i) == IR_FULL ? 16 : 8;
    for (unsigned n = 0; n < 3; n++) {
        int xmm = n ? 1 : 0;
        quick_vec_op(t, X86_MOVAPS, xmm, quick_vec_full(t, operands[n]));
        quick_vec_op(t, X86_PSHUFB, xmm, mask(t, i, i->attr, bytes, n * bytes, bytes));
        if (n)
            quick_vec_rr(t, X86_POR, 0, 1);
    }
    quick_vec_store_all(t, i->d, 0);
    return true;
}

// Indices from number n on, where those out of range get their top bit set, which PSHUFB and
// PBLENDVB look at.
static bool table(struct quick_tr *t, const struct ir_insn *i)
{
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->b));
    if (i->imm & 0xff)
        quick_vec_op(t, X86_PSUBB, 0, quick_vec_splat(t, IR_LANE8, i->imm));
    quick_vec_op(t, X86_PADDUSB, 0, quick_vec_splat(t, IR_LANE8, 0x70));
    quick_vec_op(t, X86_MOVAPS, 1, quick_vec_full(t, i->a));
    quick_vec_rr(t, X86_PSHUFB, 1, 0);
    if (i->c != IR_NONE)
        quick_vec_op(t, X86_PBLENDVB, 1, quick_vec_full(t, i->c));
    quick_vec_store(t, i, 1);
    return true;
}

// Moves -------------------------------------------------------------------------------------------

static bool move(struct quick_tr *t, const struct ir_insn *i)
{
    quick_vec_load(t, i, 0, i->a);
    quick_vec_store_all(t, i->d, 0);
    return true;
}

// Lane 0 of xmm0 to every lane of the shape.
static void broadcast(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i);
    if (quick_vec_shape(i) == IR_SCALAR)
        return;
    if (lane == IR_LANE8) {
        quick_vec_rr(t, X86_PXOR, 1, 1);
        quick_vec_rr(t, X86_PSHUFB, 0, 1);
        return;
    }
    if (lane == IR_LANE16)
        quick_vec_imm(t, X86_PSHUFLW, 0, x86_r(0), 0);
    if (lane == IR_LANE64)
        quick_vec_rr(t, X86_PUNPCKLQDQ, 0, 0);
    else
        quick_vec_imm(t, X86_PSHUFD, 0, x86_r(0), 0);
}

// xmm0 = `bytes` of memory, zero above. rax is lost.
static void load_part(struct quick_tr *t, unsigned lane, struct x86_rm rm)
{
    if (lane >= IR_LANE32) {
        quick_vec_op(t, lane == IR_LANE64 ? X86_MOVQ : X86_MOVSS, 0, rm);
        return;
    }
    x86_emit(&t->as, lane == IR_LANE8 ? X86_MOVZX8 : X86_MOVZX16, false, RAX, rm, 0);
    x86_emit(&t->as, X86_MOVD, false, 0, x86_r(RAX), 0);
}

static void finish_broadcast(struct quick_tr *t, const struct ir_insn *i)
{
    broadcast(t, i);
    if (quick_vec_shape(i) == IR_HALF)
        quick_vec_store(t, i, 0);
    else
        quick_vec_store_all(t, i->d, 0);
}

static bool dup(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i);
    load_part(t, lane, quick_vec_further(quick_vec_mem(t, i->a), (i->imm & 0xff) << lane));
    finish_broadcast(t, i);
    return true;
}

// A constant word in every lane.
static void constant(struct quick_tr *t, const struct ir_insn *i, uint64_t value)
{
    unsigned lane = quick_vec_lane(i), shape = quick_vec_shape(i);
    static const uint64_t ones[4] = {UINT64_C(0x0101010101010101), UINT64_C(0x0001000100010001),
                                     UINT64_C(0x0000000100000001), 1};
    value &= mask64(8u << lane);
    uint64_t word = shape == IR_SCALAR ? value : value * ones[lane];
    if (!word)
        quick_vec_rr(t, X86_PXOR, 0, 0);
    else
        quick_vec_op(t, X86_MOVAPS, 0, quick_vec_const(t, word, shape == IR_FULL ? word : 0));
    quick_vec_store_all(t, i->d, 0);
}

static bool dup_word(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i);
    uint64_t imm;
    if (quick_const(t, i->a, &imm)) {
        constant(t, i, imm);
        return true;
    }
    int host = quick_host_of(t, i->a);
    if (host == X86_NO_REG) {
        load_part(t, lane, quick_mem(t, i->a));
    } else {
        if (lane < IR_LANE32 && quick_vec_shape(i) == IR_SCALAR) {
            x86_emit(&t->as, lane == IR_LANE8 ? X86_MOVZX8 : X86_MOVZX16, false, RAX, x86_r(host),
                     0);
            host = RAX;
        }
        x86_emit(&t->as, X86_MOVD, lane == IR_LANE64, 0, x86_r(host), 0);
    }
    finish_broadcast(t, i);
    return true;
}

static bool immediate(struct quick_tr *t, const struct ir_insn *i)
{
    constant(t, i, i->imm);
    return true;
}

// xmm0's lane n = what rm holds.
static void insert(struct quick_tr *t, unsigned lane, unsigned n, struct x86_rm rm)
{
    static const uint32_t op[4] = {X86_PINSRB, X86_PINSRW, X86_PINSRD, X86_PINSRD};
    if (lane == IR_LANE64 && !x86_is_reg(rm)) {
        quick_vec_op(t, n ? X86_MOVHPS : X86_MOVLPS, 0, rm);
        return;
    }
    x86_emit(&t->as, op[lane], lane == IR_LANE64, 0, rm, 1);
    x86_byte(&t->as, n);
}

static bool insert_lane(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned lane = quick_vec_lane(i);
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->c));
    insert(t, lane, i->imm & 0xff,
           quick_vec_further(quick_vec_mem(t, i->a), (unsigned)(i->imm >> 8) << lane));
    quick_vec_store_all(t, i->d, 0);
    return true;
}

static bool insert_word(struct quick_tr *t, const struct ir_insn *i)
{
    int host = quick_host_of(t, i->a);
    quick_vec_op(t, X86_MOVAPS, 0, quick_vec_full(t, i->c));
    insert(t, quick_vec_lane(i), i->imm & 0xff,
           host != X86_NO_REG ? x86_r(host) : quick_vec_mem(t, i->a));
    quick_vec_store_all(t, i->d, 0);
    return true;
}

static bool lane_to_word(struct quick_tr *t, const struct ir_insn *i)
{
    static const uint32_t zero_extend[4] = {X86_MOVZX8, X86_MOVZX16, X86_MOV, X86_MOV};
    static const uint32_t sign_extend[4] = {X86_MOVSX8, X86_MOVSX16, X86_MOVSXD, X86_MOV};
    unsigned lane = quick_vec_lane(i);
    bool sign = i->attr != IRV_LANE_U, w = i->attr == IRV_LANE_S64 || lane == IR_LANE64;
    int d = quick_dest(t, i->d, IR_NONE, IR_NONE);
    if (lane >= IR_LANE32 && !(i->imm & 0xff) && i->attr == IRV_LANE_U &&
        quick_vec_held(t, i->a) != X86_NO_REG) {
        x86_emit(&t->as, X86_MOVD_TO, w, quick_vec_held(t, i->a), x86_r(d), 0);
        quick_store(t, i->d, d);
        return true;
    }
    struct x86_rm rm = quick_vec_further(quick_vec_mem(t, i->a), (i->imm & 0xff) << lane);
    if (i->attr == IRV_LANE_S32 && lane >= IR_LANE32) {
        x86_emit(&t->as, X86_MOV, false, d, rm, 0);
    } else {
        x86_emit(&t->as, (sign ? sign_extend : zero_extend)[lane], w, d, rm, 0);
    }
    quick_store(t, i->d, d);
    return true;
}

bool quick_vec_move(struct quick_tr *t, const struct ir_insn *i)
{
    switch (i->attr) {
    case IRV_MOV:
        return move(t, i);
    case IRV_IMM:
        return immediate(t, i);
    case IRV_DUP:
        return dup(t, i);
    case IRV_DUPW:
        return dup_word(t, i);
    case IRV_INS:
        return insert_lane(t, i);
    case IRV_INSW:
        return insert_word(t, i);
    case IRV_LANE_U:
    case IRV_LANE_S32:
    case IRV_LANE_S64:
        return lane_to_word(t, i);
    case IRV_REV:
        return reverse(t, i);
    case IRV_EXT:
    case IRV_ZIP1:
    case IRV_ZIP2:
    case IRV_UZP1:
    case IRV_UZP2:
    case IRV_TRN1:
    case IRV_TRN2:
        return permute(t, i);
    case IRV_UZP3:
    case IRV_ZIP3:
        return permute3(t, i);
    case IRV_TBX:
        return table(t, i);
    }
    return false;
}
