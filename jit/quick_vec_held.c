// SPDX-License-Identifier: GPL-3.0-or-later
// Vector slots whose contents an xmm register holds as well.
//
// The state is always right: what is stored is kept beside in one of xmm6 to xmm15 for whoever
// reads it later in the block, so that a chain of operations does not go through memory. C
// functions lose them all: a call in the straight code forgets, one out of line loads what was held
// when its way back was made. Out of line itself nothing counts as held.
#include "jit/quick_vec.h"

#include <string.h>

#define FIRST 6

int quick_vec_held(const struct quick_tr *t, ir_val v)
{
    for (int n = 0; v != IR_NONE && n < QUICK_VEC_HELD; n++)
        if (t->held[n] == v)
            return FIRST + n;
    return X86_NO_REG;
}

void quick_vec_forget(struct quick_tr *t, ir_val v)
{
    if (v == IR_NONE || (ir_kind(v) == IR_KIND_R && !ir_is_v(v)))
        return; // never held
    for (int n = 0; n < QUICK_VEC_HELD; n++)
        if (t->held[n] == v)
            t->held[n] = IR_NONE;
}

void quick_vec_forget_all(struct quick_tr *t)
{
    memset(t->held, 0, sizeof t->held);
}

void quick_vec_hold(struct quick_tr *t, ir_val v, int xmm)
{
    int n = quick_vec_held(t, v);
    if (n == X86_NO_REG) {
        n = FIRST + (int)t->next_held;
        t->next_held = (t->next_held + 1) % QUICK_VEC_HELD;
    }
    t->held[n - FIRST] = v;
    quick_vec_rr(t, X86_MOVAPS, n, xmm);
}

void quick_vec_reload(struct quick_tr *t, const struct quick_cold *c)
{
    for (int n = 0; n < QUICK_VEC_HELD; n++)
        if (c->held[n] != IR_NONE)
            quick_vec_op(t, X86_MOVAPS, FIRST + n, x86_m(QR_STATE, quick_disp(t, c->held[n])));
}
