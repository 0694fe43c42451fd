// SPDX-License-Identifier: GPL-3.0-or-later
// Making a block's code, and keeping it.
//
// A block's code: its bookkeeping (count down the slice, count the execution), its operations, its
// ways out; then, out of line, what rarely happens. Constants, counts and descriptions of calls lie
// in stretches of their own of the same buffer, since what is written beside code that runs makes
// the processor start over. Code is never freed one by one: a buffer that is full is emptied.
#include "jit/quick.h"

#include "jit/quick_vec.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define RESERVE    (512u << 20)
#define CHUNK      (1u << 20)
#define BLOCK_MOST (256u << 10) // bytes of code of the largest block
#define DATA_MOST  (256u << 10)

// Guest registers' host registers, the busiest first; the mode's own and the rest: quick_ctx.h.
static const int8_t hosts[GUEST_NR_HOT] = { RBX, RSI, RDI, R8, R9, R12, R13, R14 };

static bool new_chunk(struct quick *q, struct codebuf_span *span)
{
    if (!codebuf_alloc(&q->code, CHUNK, 4096, span))
        return false;
    codebuf_publish(&q->code, span); // what it held before is in no processor any more
    return true;
}

static bool begin_buffer(struct quick *q)
{
    if (!new_chunk(q, &q->chunk) || !new_chunk(q, &q->data))
        return false;
    q->top = q->chunk.write;
    q->data_top = q->data.write;
    q->to_exec = q->chunk.exec - q->chunk.write;
    q->bytes = 0;
    memset(q->vec_const, 0, sizeof q->vec_const);
    quick_thunks(q);
    if (q->verify)
        quick_verify(q);
    return true;
}

static void look_at_host(struct quick *q)
{
    q->bmi2 = __builtin_cpu_supports("bmi2");
    q->lzcnt = __builtin_cpu_supports("lzcnt");
    q->cx16 = __builtin_cpu_supports("cmpxchg16b");
    q->sse41 = __builtin_cpu_supports("sse4.1");
    q->sse42 = __builtin_cpu_supports("sse4.2");
    q->avx = __builtin_cpu_supports("avx");
    q->fma = __builtin_cpu_supports("fma");
}

struct quick *quick_create(struct jit *jit, struct perf_map *perf_map, struct error *err)
{
    struct quick *q = calloc(1, sizeof *q);
    assert(q);
    q->jit = jit;
    q->perf_map = perf_map;
    memset(q->host_of, X86_NO_REG, sizeof q->host_of);
    for (unsigned n = 0; n < GUEST_NR_HOT; n++)
        if (q->host_of[jit->guest->hot_r[n]] == X86_NO_REG)
            q->host_of[jit->guest->hot_r[n]] = hosts[n];
    look_at_host(q);
    if (!codebuf_init(&q->code, RESERVE, err)) {
        free(q);
        return NULL;
    }
    ptrdiff_t distance = q->code.exec - q->code.write;
    if (distance != (int32_t)distance || !begin_buffer(q)) {
        error_set(err, "quick engine: no %u MiB of memory for code in one place", RESERVE >> 20);
        quick_destroy(q);
        return NULL;
    }
    return q;
}

void quick_destroy(struct quick *q)
{
    if (!q)
        return;
    codebuf_fini(&q->code);
    free(q);
}

void quick_verify(struct quick *q)
{
    q->verify = true;
    q->lookup = q->exit = q->lookup_slow;
}

void quick_flush(struct quick *q)
{
    codebuf_empty(&q->code);
    bool ok = begin_buffer(q);
    assert(ok); // it was there before
}

size_t quick_bytes(const struct quick *q)
{
    return q->bytes;
}

static bool room(struct quick *q)
{
    if ((size_t)(q->chunk.write + q->chunk.size - q->top) < BLOCK_MOST) {
        q->bytes += CHUNK;
        if (!new_chunk(q, &q->chunk))
            return false;
        q->top = q->chunk.write;
    }
    if ((size_t)(q->data.write + q->data.size - q->data_top) < DATA_MOST) {
        q->bytes += CHUNK;
        if (!new_chunk(q, &q->data))
            return false;
        q->data_top = q->data.write;
    }
    return true;
}

// Pages and links ---------------------------------------------------------------------------------

static uint32_t offset(const struct quick *q, const uint8_t *code)
{
    return (uint32_t)(code - q->code.write);
}

void quick_reset_page(struct quick *q, struct code_page *p)
{
    uint32_t miss = offset(q, q->lookup_slow);
    for (unsigned n = 0; n < PAGE_WORDS; n++)
        p->quick[n] = miss;
    if (!++q->next_id)
        q->next_id = 1;
    __atomic_store_n(&p->id, q->next_id, __ATOMIC_RELEASE);
}

void quick_enter_page(struct quick *q, struct tb *tb)
{
    thread_handed_over(tb);
    if (tb->quick)
        __atomic_store_n(&tb->page->quick[tb->off >> 2], offset(q, tb->quick), __ATOMIC_RELEASE);
}

void quick_unchain(struct tb *tb)
{
    // Jumps to other pages are guarded by their numbers.
    for (unsigned n = 0; n < tb->nr_to; n++)
        if (tb->link[n].jump && !tb->link[n].guard)
            x86_retarget(tb->link[n].jump, tb->link[n].stub);
}

// A block's first instruction, which takes 7 bytes, becomes a jump to the stub of its region.
#define ENTRY_STUB 16 // bytes before the entry

static void write_entry(struct tb *tb, const uint8_t first[8])
{
    uint64_t word;
    memcpy(&word, first, 8);
    __atomic_store_n((uint64_t *)(void *)tb->quick, word, __ATOMIC_RELEASE);
}

void quick_attach(struct tb *tb)
{
    if (!tb->quick)
        return;
    uint8_t first[8];
    int32_t distance = -(ENTRY_STUB + 5);
    memcpy(first, tb->quick, 8);
    first[0] = 0xe9;
    memcpy(first + 1, &distance, 4);
    write_entry(tb, first);
}

void quick_detach(struct tb *tb)
{
    if (!tb->quick)
        return;
    // sub r15, n_insns; the eighth byte is the next instruction's.
    uint8_t first[8] = { 0x49, 0x81, 0xef };
    memcpy(first + 3, &tb->n_insns, 4);
    first[7] = tb->quick[7];
    write_entry(tb, first);
}

// Translation -------------------------------------------------------------------------------------

static void emit_tick(struct quick_tr *t, struct quick_cold *c)
{
    x86_here(&t->as, c->from[0]);
    x86_mov_imm(&t->as, RAX, (uint64_t)(uintptr_t)t->tb);
    x86_jmp(&t->as, t->q->tick);
}

static void emit_entry(struct quick_tr *t)
{
    struct x86_asm *as = &t->as;
    struct tb *tb = t->tb;
    // What an attached region is entered by: 15 bytes.
    uint8_t *stub = as->p;
    x86_byte(as, 0x48);
    x86_byte(as, 0xb8);
    x86_imm64(as, (uint64_t)(uintptr_t)tb);
    x86_jmp(as, t->q->region);
    while (as->p < stub + ENTRY_STUB)
        x86_byte(as, 0xcc);
    tb->quick = as->p;
    x86_emit(as, X86_ALU_IMM32, true, X86_G_SUB, x86_r(QR_BUDGET), 4);
    x86_imm32(as, tb->n_insns);
    struct quick_cold *tick = quick_cold(t, emit_tick);
    tick->from[0] = x86_jcc_ahead(as, CC_LE);
    tb->quick_body = as->p;
    tb->quick_count = quick_data(t->q, sizeof *tb->quick_count, 4);
    *tb->quick_count = 0;
    x86_emit(as, X86_ALU_IMM8, false, X86_G_ADD, quick_data_rm(t->q, tb->quick_count, true), 1);
    x86_byte(as, 1);
}

// Is the first temporary an integer wherever it appears?
static bool tmp0_is_integer(const struct ir *ir)
{
    bool used = false;
    for (unsigned n = 0; n < ir->nr; n++) {
        const struct ir_insn *i = &ir->insn[n];
        const ir_val tmp0 = IR_KIND_TMP;
        if (i->d != tmp0 && i->d2 != tmp0 && i->a != tmp0 && i->b != tmp0 && i->c != tmp0)
            continue;
        unsigned form = ir_op_info[i->op].form;
        bool vectors = form >= IR_FORM_LOADV && form < IR_FORM_CTL; // but for the address
        used = true;
        if (i->op == IR_VEC || (vectors && (i->d == tmp0 || i->d2 == tmp0 || i->c == tmp0 ||
                                            (i->b == tmp0 && form == IR_FORM_STOREVP))))
            return false;
    }
    return used;
}

// Does the stack pointer stay aligned?
static void follow_sp(struct quick_tr *t, const struct ir_insn *i)
{
    uint64_t imm;
    if (t->checked_sp == VCPU_NR_R)
        return;
    ir_val sp = ir_r(t->checked_sp);
    if (i->d != sp && i->d2 != sp)
        return;
    bool moved = (i->op == IR_ADD || i->op == IR_SUB) && i->type == IR_I64 && i->a == sp &&
                 quick_const(t, i->b, &imm) && !(imm & 15);
    if (!moved)
        t->checked_sp = VCPU_NR_R;
}

static void lower(struct quick_tr *t, const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    bool done = false;
    if (i->op == IR_INSN_START) {
        t->off = i->off;
        t->left = t->tb->n_insns - (i->off - t->tb->off) / 4;
        return;
    }
    if (ir_op_info[i->op].flags & IR_F_END)
        done = quick_lower_end(t, i);
    else if (form <= IR_FORM_FLG3)
        done = quick_lower_int(t, i);
    else if (form < IR_FORM_CTL)
        done = quick_lower_mem(t, i);
    else if (i->op == IR_VEC)
        done = quick_lower_vec(t, i);
    else
        done = quick_lower_atomic(t, i);
    if (!done)
        quick_lower_call(t, i);
    if (i->op != IR_VEC && form != IR_FORM_LOADV && form != IR_FORM_LOADVP) {
        quick_vec_forget(t, i->d);
        quick_vec_forget(t, i->d2);
    }
    follow_sp(t, i);
}

static void init(struct quick_tr *t, struct quick *q, const struct ir *ir, struct tb *tb)
{
    const struct guest *g = q->jit->guest;
    t->q = q;
    t->ir = ir;
    t->tb = tb;
    t->as = (struct x86_asm){ .p = q->top, .end = q->chunk.write + q->chunk.size };
    t->mode_slot = g->mode_r ? g->mode_r(ir->mode) : VCPU_NR_R;
    t->tmp0_in_reg = tmp0_is_integer(ir);
    t->checked_sp = VCPU_NR_R;
    t->only = QUICK_FLAGS_KEPT;
    t->flags_in_rax = NULL;
    t->constant.d = IR_NONE;
    t->nr_links = t->nr_cold = 0;
    t->next_held = 0;
    quick_vec_forget_all(t);
    t->off = tb->off;
    t->left = tb->n_insns;
}

static void name(struct quick *q, const struct tb *tb, const uint8_t *end)
{
    if (q->perf_map)
        perf_map_add(q->perf_map, quick_exec(q, tb->quick), (size_t)(end - tb->quick), tb->off,
                     tb->page->page + tb->off, tb->n_insns);
}

bool quick_compile(struct quick *q, const struct ir *ir, struct tb *tb)
{
    struct quick_tr t;
    if (!room(q))
        return false;
    init(&t, q, ir, tb);
    quick_merge(&t);
    emit_entry(&t);
    for (t.n = 0; t.n < ir->nr; t.n++)
        lower(&t, &ir->insn[t.n]);
    for (unsigned n = 0; n < t.nr_cold; n++) {
        quick_vec_forget_all(&t);
        t.cold[n].emit(&t, &t.cold[n]);
    }
    assert(!t.as.full);
    q->top = (uint8_t *)ALIGN_UP((uintptr_t)t.as.p, 16);
    name(q, tb, t.as.p);
    return true;
}
