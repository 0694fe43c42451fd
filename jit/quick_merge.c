// SPDX-License-Identifier: GPL-3.0-or-later
// Accesses through one base register that share one look into the TLB.
//
// A prologue stores, an epilogue loads, and a function reads the members of a structure at small
// distances from a register that does not change, or by a constant. Such accesses of a block are a
// group: the first one's check covers all bytes of all of them, which costs nothing more (the TLB's
// index comes from the first byte, the tag from the last), and leaves host address - guest address
// in a word of the state, vcpu.merged[]. The others take it from there.
//
// The word is 0 where the check failed: the page is not in the TLB, or the group crosses into
// another although its accesses do not. Then each access goes out of line and looks for itself
// (the look thunks), so that every access still is made where the guest makes it and faults alone.
// It becomes 0 too whenever something in between was done in C, which may have changed what the page
// is; a helper ends all groups. So an access never uses what its own look would not have found when
// the first one of its group was made.
//
// Loads may join a group of stores (what the TLB lets write it lets read), but not the other way
// round.
#include "jit/quick_ctx.h"

#include "jit/tlb.h"

#include <string.h>

#define MOST_BYTES 256 // of a group: the more, the more often it crosses into another page
#define OPEN       8   // groups that may still grow

// Values of registers as the scan knows them: two of one number differ by their distances. A register
// that is not known has the value it began with: number `first` + its own.
struct values {
    uint64_t known[(VCPU_NR_R + 63) / 64];
    struct value {
        uint16_t number;
        int32_t distance;
    } of[VCPU_NR_R];
    uint16_t first, next;
};

struct scan {
    struct values v;
    struct { uint16_t number; uint8_t group; } open[OPEN]; // group 0: none
    unsigned next_open;
};

static void all_new(struct scan *s)
{
    memset(s->v.known, 0, sizeof s->v.known);
    s->v.first = s->v.next;
    s->v.next += VCPU_NR_R;
}

static struct value value_of(const struct scan *s, unsigned slot)
{
    bool known = s->v.known[slot / 64] >> (slot % 64) & 1;
    return known ? s->v.of[slot] : (struct value){ .number = (uint16_t)(s->v.first + slot) };
}

static void set_value(struct scan *s, unsigned slot, struct value v)
{
    s->v.known[slot / 64] |= BIT(slot % 64);
    s->v.of[slot] = v;
}

static void close_all(struct scan *s)
{
    memset(s->open, 0, sizeof s->open);
}

static bool is_word(ir_val v)
{
    return ir_kind(v) == IR_KIND_R && !ir_is_v(v);
}

static void set_new(struct scan *s, ir_val d)
{
    if (is_word(d))
        set_value(s, ir_num(d), (struct value){ .number = s->v.next++ });
}

// Moved by a constant, or copied?
static bool follows(const struct quick_tr *t, const struct ir_insn *i, int32_t *by)
{
    *by = 0;
    if (i->type != IR_I64 || !is_word(i->d) || !is_word(i->a))
        return false;
    if (i->op == IR_MOV)
        return true;
    if ((i->op != IR_ADD && i->op != IR_SUB) || !quick_imm32(t, i->b, by) || *by > 1 << 16 || *by < -(1 << 16))
        return false;
    if (i->op == IR_SUB)
        *by = -*by;
    return true;
}

static void follow(struct scan *s, const struct quick_tr *t, const struct ir_insn *i)
{
    int32_t by;
    if (follows(t, i, &by)) {
        struct value v = value_of(s, ir_num(i->a)); // a block moves it no further than 2^26
        v.distance += by;
        set_value(s, ir_num(i->d), v);
        return;
    }
    set_new(s, i->d);
    set_new(s, i->d2);
}

static bool join(struct quick_group *g, int32_t lo, int32_t hi)
{
    int32_t new_lo = lo < g->lo ? lo : g->lo, new_hi = hi > g->hi ? hi : g->hi;
    if (new_hi - new_lo > MOST_BYTES)
        return false;
    g->lo = new_lo;
    g->hi = new_hi;
    return true;
}

// An access of op n at distance lo .. hi from a value.
static void note(struct scan *s, struct quick_tr *t, unsigned n, struct value v, int32_t lo, int32_t hi, bool store)
{
    unsigned at = OPEN;
    for (unsigned k = 0; k < OPEN; k++) {
        struct quick_group *g = &t->group[s->open[k].group];
        if (!s->open[k].group || s->open[k].number != v.number)
            continue;
        if (store && !g->store) {
            at = k; // from here on they are stores
            continue;
        }
        if (join(g, lo, hi)) {
            g->last = (uint16_t)n;
            t->group_of[n] = s->open[k].group;
            return;
        }
        at = k;
    }
    if (t->nr_groups == QUICK_MAX_GROUPS)
        return;
    if (at == OPEN)
        at = s->next_open++ % OPEN;
    unsigned new = ++t->nr_groups;
    t->group[new] = (struct quick_group){ .lo = lo, .hi = hi, .distance = v.distance, .first = (uint16_t)n, .last = (uint16_t)n,
                                          .store = store, .word = QUICK_NO_WORD };
    t->group_of[n] = (uint8_t)new;
    s->open[at].number = v.number;
    s->open[at].group = (uint8_t)new;
}

static void access(struct scan *s, struct quick_tr *t, unsigned n, const struct ir_insn *i, unsigned form)
{
    bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
    bool store = ir_op_info[i->op].flags & IR_F_WR_MEM;
    int64_t imm = (int64_t)i->imm;
    if (i->attr & MEM_CACHE || (i->attr & MEM_ALIGNED && pair)) {
        close_all(s); // a function's
        return;
    }
    if (i->attr || (!pair && i->b != IR_NONE) || !is_word(i->a) || imm > 1 << 16 || imm < -(1 << 16))
        return;
    struct value v = value_of(s, ir_num(i->a));
    int32_t lo = v.distance + (int32_t)imm;
    note(s, t, n, v, lo, lo + (int32_t)quick_access_size(i), store);
}

// Most blocks have no two accesses.
static bool worth_it(const struct ir *ir)
{
    unsigned accesses = 0;
    for (unsigned n = 0; n < ir->nr && accesses < 2; n++) {
        unsigned form = ir_op_info[ir->insn[n].op].form;
        accesses += form >= IR_FORM_LOAD && form < IR_FORM_CTL;
    }
    return accesses == 2;
}

void quick_merge(struct quick_tr *t)
{
    const struct ir *ir = t->ir;
    struct scan s;
    t->nr_groups = 0;
    memset(t->group_of, 0, ir->nr * sizeof t->group_of[0]);
    memset(t->word_busy, 0, sizeof t->word_busy);
    if (!worth_it(ir))
        return;
    s.v.next = 0;
    s.next_open = 0;
    close_all(&s);
    all_new(&s);
    for (unsigned n = 0; n < ir->nr; n++) {
        const struct ir_insn *i = &ir->insn[n];
        unsigned form = ir_op_info[i->op].form;
        if (i->op == IR_INSN_START)
            continue;
        if (form >= IR_FORM_LOAD && form < IR_FORM_CTL) {
            access(&s, t, n, i, form);
        } else if (i->op == IR_CALL || i->op == IR_PROBE) {
            close_all(&s);
            all_new(&s);
        }
        follow(&s, t, i);
    }
}

// The word of op n's group; QUICK_NO_WORD: it has none, and is checked alone.
unsigned quick_merged(struct quick_tr *t, unsigned n, bool *first)
{
    struct quick_group *g = &t->group[t->group_of[n]];
    if (!t->group_of[n] || g->first == g->last)
        return QUICK_NO_WORD;
    *first = g->first == n;
    for (unsigned w = 0; *first && w < QUICK_NR_MERGED; w++) {
        if (t->word_busy[w] > n)
            continue;
        t->word_busy[w] = g->last;
        g->word = (uint8_t)w;
        break;
    }
    return g->word;
}

struct x86_rm quick_merged_rm(unsigned word)
{
    return x86_m(QR_STATE, Q_DISP(merged) + 8 * (int32_t)word);
}

void quick_unmerge(struct quick_tr *t, const struct quick_cold *c)
{
    for (unsigned w = 0; w < QUICK_NR_MERGED; w++)
        if (c->merged & 1u << w) {
            x86_emit(&t->as, X86_MOV_IMM, true, 0, quick_merged_rm(w), 4);
            x86_imm32(&t->as, 0);
        }
}

// As the access thunk, behind a look into the TLB: what a group's access does that is not covered.
static const uint8_t *look_thunk(const struct quick *q, struct x86_asm *as, bool store)
{
    int32_t table = store ? Q_DISP(wtlb) : Q_DISP(rtlb);
    while ((uintptr_t)as->p & 15)
        x86_byte(as, 0xcc);
    const uint8_t *start = as->p;
    x86_push(as, R11);
    x86_rr(as, X86_MOV, false, RCX, RDX);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), 0x3f);
    x86_emit(as, X86_LEA, true, R11, x86_mx(RAX, RCX, 0, -1), 0);
    x86_rr(as, X86_MOV, false, RCX, RAX);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), PAGE_BITS - 4);
    x86_alu_imm(as, X86_G_AND, true, x86_r(R11), -(int32_t)PAGE_SIZE);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), (TLB_SIZE - 1) << 4);
    x86_emit(as, X86_XOR, true, R11, Q_STATE(dctx), 0);
    x86_emit(as, X86_CMP, true, R11, x86_mx(QR_STATE, RCX, 0, table), 0);
    uint8_t *miss = x86_jcc_short(as, CC_NE);
    x86_emit(as, X86_MOV, true, R11, x86_mx(QR_STATE, RCX, 0, table + (int32_t)offsetof(struct tlb_entry, addend)), 0);
    x86_rr(as, X86_MOV, true, RCX, RAX);
    x86_rr(as, X86_MOV, true, RAX, R11);
    x86_pop(as, R11);
    x86_byte(as, 0xc3);
    x86_here_short(as, miss);
    x86_pop(as, R11);
    x86_jmp(as, q->access);
    return start;
}

void quick_merge_thunks(struct quick *q, struct x86_asm *as)
{
    q->look_read = look_thunk(q, as, false);
    q->look_write = look_thunk(q, as, true);
}
