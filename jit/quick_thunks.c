// SPDX-License-Identifier: GPL-3.0-or-later
// The code that every block's code calls, made once a buffer.
//
// enter(cpu, code, state): from C. Loads the guest's registers and goes to code; `leave` comes back.
//
// Control thunks (link, tick, lookup_slow, ...) are jumped to, with an argument in rax. They put
// everything where C expects it, call a quick_do_*() with (cpu, argument), load everything again
// and go where that says.
//
// Call thunks are called within an instruction. call_vec, call and call_full: rax points to the
// struct quick_call. access: rax the guest address, edx quick_where() | quick_access(); gives rax
// the host address minus the guest's, rcx the guest address plus... see below. A call that fails
// leaves for quick_do_fault().
#include "jit/quick_ctx.h"

struct maker {
    struct quick *q;
    struct x86_asm as;
};

static void store_slot(struct maker *m, int reg, int32_t disp)
{
    x86_emit(&m->as, X86_MOV_TO, true, reg, x86_m(QR_STATE, disp), 0);
}

static void load_slot(struct maker *m, int reg, int32_t disp)
{
    x86_emit(&m->as, X86_MOV, true, reg, x86_m(QR_STATE, disp), 0);
}

static bool survives_calls(int reg)
{
    return reg == RBX || reg >= R12;
}

// The guest registers in host registers, all of them or those that a call to C loses.
static void save(struct maker *m, bool all)
{
    for (unsigned n = 0; n < VCPU_NR_R; n++) {
        int host = m->q->host_of[n];
        if (host != X86_NO_REG && (all || !survives_calls(host)))
            store_slot(m, host, Q_DISP(r) + 8 * (int32_t)n);
    }
}

static void restore(struct maker *m, bool all)
{
    for (unsigned n = 0; n < VCPU_NR_R; n++) {
        int host = m->q->host_of[n];
        if (host != X86_NO_REG && (all || !survives_calls(host)))
            load_slot(m, host, Q_DISP(r) + 8 * (int32_t)n);
    }
}

// Everything to the state. rcx is lost.
static void save_all(struct maker *m)
{
    struct x86_asm *as = &m->as;
    save(m, true);
    x86_emit(as, X86_MOVSXD, true, RCX, Q_STATE(hot_disp), 0);
    x86_emit(as, X86_MOV_TO, true, QR_MODE, x86_mx(QR_STATE, RCX, 0, 0), 0);
    load_slot(m, RCX, Q_DISP(slice_end));
    x86_rr(as, X86_SUB, true, RCX, QR_BUDGET);
    store_slot(m, RCX, Q_DISP(icount));
}

// Everything from the state. rcx is lost.
static void load_all(struct maker *m)
{
    struct x86_asm *as = &m->as;
    restore(m, true);
    x86_emit(as, X86_MOVSXD, true, RCX, Q_STATE(hot_disp), 0);
    x86_emit(as, X86_MOV, true, QR_MODE, x86_mx(QR_STATE, RCX, 0, 0), 0);
    load_slot(m, QR_BUDGET, Q_DISP(slice_end));
    x86_emit(as, X86_SUB, true, QR_BUDGET, Q_STATE(icount), 0);
}

static void call_c(struct maker *m, const void *fn)
{
    x86_mov_imm(&m->as, RAX, (uint64_t)(uintptr_t)fn);
    x86_emit(&m->as, X86_JMP_RM, false, 2, x86_r(RAX), 0);
}

static void cpu_to_rdi(struct maker *m)
{
    x86_emit(&m->as, X86_LEA, true, RDI, x86_m(QR_STATE, -QUICK_BIAS), 0);
}

static void jump_rax(struct maker *m)
{
    x86_emit(&m->as, X86_JMP_RM, false, 4, x86_r(RAX), 0);
}

static void ret(struct maker *m)
{
    x86_byte(&m->as, 0xc3);
}

static const uint8_t *begin(struct maker *m)
{
    while ((uintptr_t)m->as.p & 15)
        x86_byte(&m->as, 0xcc);
    return m->as.p;
}

static const uint8_t *control(struct maker *m, const void *fn)
{
    const uint8_t *start = begin(m);
    save_all(m);
    cpu_to_rdi(m);
    x86_rr(&m->as, X86_MOV, true, RSI, RAX);
    call_c(m, fn);
    load_all(m);
    jump_rax(m);
    return start;
}

static void make_enter(struct maker *m)
{
    static const int8_t saved[] = { RBX, RBP, R12, R13, R14, R15 };
    struct x86_asm *as = &m->as;
    const uint8_t *start = begin(m);
    for (unsigned n = 0; n < ARRAY_SIZE(saved); n++)
        x86_push(as, saved[n]);
    x86_alu_imm(as, X86_G_SUB, true, x86_r(RSP), 8);
    x86_rr(as, X86_MOV, true, QR_STATE, RDX);
    x86_rr(as, X86_MOV, true, RAX, RSI);
    load_all(m);
    jump_rax(m);
    m->q->leave = begin(m);
    x86_alu_imm(as, X86_G_ADD, true, x86_r(RSP), 8);
    for (unsigned n = ARRAY_SIZE(saved); n-- > 0;)
        x86_pop(as, saved[n]);
    ret(m);
    m->q->enter = (void (*)(struct vcpu *, const void *, void *))(uintptr_t)quick_exec(m->q, start);
}

// rax: where to. Goes to the block there if the instruction TLB and the page know it.
static void make_lookup(struct maker *m)
{
    m->q->lookup = begin(m);
    quick_emit_lookup(m->q, &m->as);
}

// rax: where to, behind a helper that may have changed contexts or the mode, or may halt. In the mode
// that everything is loaded for it is found as any address is. Requests to leave end the slice at
// once: look_soon().
static void make_exit(struct maker *m)
{
    struct x86_asm *as = &m->as;
    m->q->exit = begin(m);
    x86_emit(as, X86_CMP8_IMM, false, X86_G_CMP, Q_STATE(halt), 1);
    x86_byte(as, 0);
    x86_jcc(as, CC_NE, m->q->lookup_slow);
    x86_emit(as, X86_MOV, true, RCX, Q_STATE(hot_mode), 0);
    x86_emit(as, X86_CMP, true, RCX, Q_STATE(mode), 0);
    x86_jcc(as, CC_NE, m->q->lookup_slow);
    quick_emit_lookup(m->q, as);
}

// FAST PATH: 19 instructions from the address in rax to the block there.
void quick_emit_lookup(const struct quick *q, struct x86_asm *as)
{
    int32_t itlb = Q_DISP(itlb);
    x86_rr(as, X86_MOV, true, RDX, RAX);
    x86_rr(as, X86_MOV, false, RCX, RAX);
    x86_alu_imm(as, X86_G_AND, true, x86_r(RDX), -(int32_t)PAGE_SIZE | 3);
    x86_shift_imm(as, X86_G_SHR, false, x86_r(RCX), PAGE_BITS - 5);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RCX), (ITLB_SIZE - 1) << 5);
    // Where that is wrong, in its two low bits, nobody asks before it is set again.
    x86_emit(as, X86_MOV_TO, true, RDX, Q_STATE(pc_page), 0);
    x86_emit(as, X86_XOR, true, RDX, Q_STATE(ictx), 0);
    x86_emit(as, X86_CMP, true, RDX, x86_mx(QR_STATE, RCX, 0, itlb), 0);
    x86_jcc(as, CC_NE, q->lookup_slow);
    x86_emit(as, X86_MOV, true, RDX, Q_STATE(mode), 0);
    x86_emit(as, X86_CMP, true, RDX, x86_mx(QR_STATE, RCX, 0, itlb + (int32_t)offsetof(struct itlb_entry, mode)), 0);
    x86_jcc(as, CC_NE, q->lookup_slow);
    x86_emit(as, X86_MOV, true, RCX, x86_mx(QR_STATE, RCX, 0, itlb + (int32_t)offsetof(struct itlb_entry, page)), 0);
    x86_rr(as, X86_MOV, false, RDX, RAX);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RDX), PAGE_SIZE - 4);
    x86_emit(as, X86_MOV, false, RCX, x86_mx(RCX, RDX, 0, offsetof(struct code_page, quick)), 0);
    x86_emit(as, X86_LEA, true, RDX, x86_at(q->code.write), 0); // the buffer's start, in the view that runs
    x86_rr(as, X86_ADD, true, RDX, RCX);
    x86_emit(as, X86_JMP_RM, false, 4, x86_r(RDX), 0);
}

// Registers that C loses and blocks do not want to, beyond the guest's: on the stack, which the
// return address has misaligned.
static void push_more(struct maker *m)
{
    x86_push(&m->as, QR_MODE);
    x86_push(&m->as, QR_TMP);
    x86_push(&m->as, RAX);
}

static void pop_more(struct maker *m)
{
    x86_pop(&m->as, RAX);
    x86_pop(&m->as, QR_TMP);
    x86_pop(&m->as, QR_MODE);
}

static void make_call_vec(struct maker *m)
{
    static const struct { int8_t reg; uint8_t off; } args[] = {
        { RSI, offsetof(struct quick_call, d) }, { RDX, offsetof(struct quick_call, a) },
        { RCX, offsetof(struct quick_call, b) }, { R8, offsetof(struct quick_call, c) },
    };
    struct x86_asm *as = &m->as;
    m->q->call_vec = begin(m);
    push_more(m);
    save(m, false);
    cpu_to_rdi(m);
    for (unsigned n = 0; n < ARRAY_SIZE(args); n++) {
        x86_emit(as, X86_MOVSXD, true, args[n].reg, x86_m(RAX, args[n].off), 0);
        x86_rr(as, X86_ADD, true, args[n].reg, RDI);
    }
    x86_emit(as, X86_MOV, true, R9, x86_m(RAX, offsetof(struct quick_call, imm)), 0);
    x86_emit(as, X86_JMP_RM, false, 2, x86_m(RAX, offsetof(struct quick_call, fn)), 0);
    restore(m, false);
    pop_more(m);
    ret(m);
}

// Returns. What was done in C may have to be looked at soon: then the slice ends here.
static void look_soon(struct maker *m)
{
    struct x86_asm *as = &m->as;
    x86_alu_imm(as, X86_G_CMP, false, Q_STATE(exit_request), 0);
    uint8_t *request = x86_jcc_short(as, CC_NE);
    ret(m);
    x86_here_short(as, request);
    x86_emit(as, X86_SUB_TO, true, QR_BUDGET, Q_STATE(slice_end), 0);
    x86_rr(as, X86_XOR, false, QR_BUDGET, QR_BUDGET);
    ret(m);
}

static const uint8_t *make_call(struct maker *m, const void *fn, bool all)
{
    struct x86_asm *as = &m->as;
    const uint8_t *start = begin(m);
    push_more(m);
    if (all)
        save_all(m);
    else
        save(m, false);
    cpu_to_rdi(m);
    x86_rr(as, X86_MOV, true, RSI, RAX);
    call_c(m, fn);
    x86_rr(as, X86_MOV, false, RDX, RAX);
    if (all) {
        x86_pop(as, RAX);
        x86_pop(as, QR_TMP);
        x86_alu_imm(as, X86_G_ADD, true, x86_r(RSP), 8);
        load_all(m);
    } else {
        restore(m, false);
        pop_more(m);
    }
    x86_emit(as, X86_TEST8_IMM, false, 0, x86_r(RDX), 1);
    x86_byte(as, 0xff);
    uint8_t *failed = x86_jcc_short(as, CC_E);
    look_soon(m);
    x86_here_short(as, failed);
    x86_alu_imm(as, X86_G_ADD, true, x86_r(RSP), 8);
    x86_emit(as, X86_MOV, false, RAX, x86_m(RAX, offsetof(struct quick_call, where)), 0);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RAX), (int32_t)0xffff0000);
    x86_jmp(as, m->q->fault);
    return start;
}

static void make_access(struct maker *m)
{
    struct x86_asm *as = &m->as;
    m->q->access = begin(m);
    push_more(m); // rax: the address
    save(m, false);
    x86_push(as, RDX);
    x86_alu_imm(as, X86_G_SUB, true, x86_r(RSP), 8);
    cpu_to_rdi(m);
    x86_rr(as, X86_MOV, true, RSI, RAX);
    call_c(m, (const void *)(uintptr_t)quick_do_access); // edx is where it belongs
    restore(m, false);
    x86_alu_imm(as, X86_G_ADD, true, x86_r(RSP), 8);
    x86_rr(as, X86_TEST, false, RDX, RDX);
    x86_pop(as, RDX);
    x86_pop(as, RCX); // the address
    x86_pop(as, QR_TMP);
    x86_pop(as, QR_MODE);
    uint8_t *failed = x86_jcc_short(as, CC_E);
    look_soon(m);
    x86_here_short(as, failed);
    x86_alu_imm(as, X86_G_ADD, true, x86_r(RSP), 8);
    x86_rr(as, X86_MOV, false, RAX, RDX);
    x86_alu_imm(as, X86_G_AND, false, x86_r(RAX), (int32_t)0xffff0000);
    x86_jmp(as, m->q->fault);
}

void quick_thunks(struct quick *q)
{
    struct maker m = { .q = q, .as = { .p = q->top, .end = q->chunk.write + q->chunk.size } };
#define FN(f) ((const void *)(uintptr_t)(f))
    make_enter(&m);
    q->lookup_slow = control(&m, FN(quick_do_lookup));
    q->link = control(&m, FN(quick_do_link));
    q->tick = control(&m, FN(quick_do_tick));
    q->exit_pc = control(&m, FN(quick_do_exit_pc));
    q->raise = control(&m, FN(quick_do_raise));
    q->fault = control(&m, FN(quick_do_fault));
    q->region = control(&m, FN(quick_do_region));
    make_lookup(&m);
    make_exit(&m);
    make_call_vec(&m);
    q->call = make_call(&m, FN(quick_do_call), false);
    q->call_full = make_call(&m, FN(quick_do_call_full), true);
    make_access(&m);
    quick_merge_thunks(q, &m.as);
#undef FN
    begin(&m);
    q->top = m.as.p;
}
