// SPDX-License-Identifier: GPL-3.0-or-later
// The interpreter's loop: one label a handler, expanded from the rows of ir_ops.def.
//
// The running block, the instruction pointer and the state pointer are the only things that live
// across handlers, so that they stay in registers. Slow paths and everything rare sit behind calls
// at the end. cpu->pc is stale while a block runs; leave_at() makes it exact.
#include "jit/interp.h"

#include "jit/interp_ops.h"
#include "jit/tier.h"
#include "jit/tlb.h"

#include <string.h>

// Exact pc and count for leaving tb at ip without having executed ip's instruction.
static __attribute__((noinline)) void leave_at(struct vcpu *cpu, const struct tb *tb,
                                               const struct iop *ip)
{
    unsigned off = tb->offs[ip - tb->code];
    cpu->pc = cpu->pc_page + off;
    cpu->icount -= tb->n_insns - (off - tb->off) / 4;
}

static inline bool exit_requested(const struct vcpu *cpu)
{
    return __atomic_load_n(&cpu->exit_request, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) struct tb *link_to(struct vcpu *cpu, struct iop *ip)
{
    struct tb *to = tb_find(cpu, cpu->pc_page + ip->imm);
    // Under the lock, so that a page turned suspect meanwhile does not keep this link.
    if (to) {
        mutex_lock(&cpu->jit->lock);
        if (!to->suspect)
            __atomic_store_n(&ip->link, to, __ATOMIC_RELEASE);
        mutex_unlock(&cpu->jit->lock);
    }
    return to;
}

// Two vector registers from their bytes in memory.
static __attribute__((noinline)) void split_pair(void *first, void *second, const uint8_t *bytes,
                                                 unsigned size)
{
    memset(first, 0, 16);
    memset(second, 0, 16);
    memcpy(first, bytes, size);
    memcpy(second, bytes + size, size);
}

// Starts with the block `tb`, or with the one at vcpu.pc. Without a vCPU: the table of handlers.
static const void *const *run(struct vcpu *cpu, struct tb *tb)
{
    static const void *const handlers[H_NR] = {
#define H(name) [H_##name] = &&L_##name,
#define IR_INT1(name, ...)   H(name##_32) H(name##_64)
#define IR_INT2(name, ...)   H(name##_32R) H(name##_32I) H(name##_64R) H(name##_64I)
#define IR_INT3(name, ...)   H(name##_32) H(name##_64)
#define IR_FLG2(name, ...)   H(name##_32R) H(name##_32I) H(name##_64R) H(name##_64I) \
    H(name##_BR_32R) H(name##_BR_32I) H(name##_BR_64R) H(name##_BR_64I)
#define IR_FLG3(name, ...)   H(name##_32) H(name##_64)
#define IR_LOAD(name, ...)   H(name) H(name##_X)
#define IR_STORE(name, ...)  H(name) H(name##_X)
#define IR_LOADP(name, ...)  H(name)
#define IR_STOREP(name, ...) H(name)
#define IR_LOADV(name, ...)  H(name) H(name##_X)
#define IR_STOREV(name, ...) H(name) H(name##_X)
#define IR_LOADVP(name, ...)  H(name)
#define IR_STOREVP(name, ...) H(name)
#include "jit/ir_ops.def"
        H(MOVI) H(PCREL) H(SET_NZCV) H(GET_NZCV) H(CHECK_SP) H(FENCE) H(CLREX)
        H(CALL) H(CALL_BAIL) H(GOTO) H(GOTO_FAR) H(BR_COND) H(BR_Z_32) H(BR_Z_64) H(BR_NZ_32)
        H(BR_NZ_64) H(BR_BIT0) H(BR_BIT1) H(BR_IND) H(EXIT) H(EXIT_PC) H(RAISE) H(REGION)
#undef H
    };
    if (!cpu)
        return handlers;

    struct iop *ip;

#define P(n)     ((void *)((uint64_t *)cpu + (n)))
#define R(n)     (((uint64_t *)cpu)[n])
#define NEXT     do { ip++; goto *ip->handler; } while (0)
#define ENTER(t)                                \
    do {                                        \
        tb = (t);                               \
        if (unlikely(--tb->countdown <= 0))     \
            goto look;                          \
        cpu->icount += tb->n_insns;             \
        ip = tb->entry;                         \
        goto *ip->handler;                      \
    } while (0)
// Goes to the GOTO at ip: its chained block, or whatever its own handler does.
#define FOLLOW                                                          \
    do {                                                                \
        struct tb *to_ = __atomic_load_n(&ip->link, __ATOMIC_ACQUIRE);  \
        if (unlikely(!to_ || exit_requested(cpu)))                      \
            goto *ip->handler;                                          \
        ENTER(to_);                                                     \
    } while (0)

    if (!tb)
        goto lookup;
    // This block and no more than it: a region attached to it would run on.
    cpu->pc_page = cpu->pc & PAGE_MASK;
    cpu->icount += tb->n_insns;
    ip = tb->code + 1;
    goto *ip->handler;

// Integers ---------------------------------------------------------------------------------------
#define INT(label, bits, bval, body)                            \
    L_##label : {                                               \
        typedef uint##bits##_t T;                               \
        typedef int##bits##_t ST __attribute__((unused));       \
        enum { W = bits };                                      \
        T a = (T)R(ip->a);                                      \
        T b __attribute__((unused)) = (T)(bval);                \
        body                                                    \
    }
#define SET(expr) R(ip->d) = (T)(expr); NEXT;
#define IR_INT1(name, flags, ...)                                                    \
    INT(name##_32, 32, 0, uint64_t imm __attribute__((unused)) = ip->imm; SET((__VA_ARGS__)))  \
    INT(name##_64, 64, 0, uint64_t imm __attribute__((unused)) = ip->imm; SET((__VA_ARGS__)))
#define IR_INT2(name, flags, ...)                          \
    INT(name##_32R, 32, R(ip->b), SET((__VA_ARGS__)))      \
    INT(name##_32I, 32, ip->imm, SET((__VA_ARGS__)))       \
    INT(name##_64R, 64, R(ip->b), SET((__VA_ARGS__)))      \
    INT(name##_64I, 64, ip->imm, SET((__VA_ARGS__)))
#define TERNARY(expr)                                       \
    T c __attribute__((unused)) = (T)R(ip->c);              \
    uint64_t imm __attribute__((unused)) = ip->imm;         \
    SET(expr)
#define IR_INT3(name, flags, ...)                            \
    INT(name##_32, 32, R(ip->b), TERNARY((__VA_ARGS__)))     \
    INT(name##_64, 64, R(ip->b), TERNARY((__VA_ARGS__)))
#define FLAGS(...)                                          \
    T r;                                                    \
    uint32_t nzcv;                                          \
    __VA_ARGS__;                                            \
    cpu->nzcv = nzcv;                                       \
    R(ip->d) = r;                                           \
    NEXT;
// A flag setter with the conditional branch behind it: the condition's mask is in c, the taken
// and the other way are the next two iops.
#define FLAGS_BR(...)                                       \
    T r;                                                    \
    uint32_t nzcv;                                          \
    __VA_ARGS__;                                            \
    cpu->nzcv = nzcv;                                       \
    R(ip->d) = r;                                           \
    ip += ip->c >> nzcv & 1 ? 1 : 2;                        \
    FOLLOW;
#define IR_FLG2(name, flags, ...)                           \
    INT(name##_32R, 32, R(ip->b), FLAGS(__VA_ARGS__))       \
    INT(name##_32I, 32, ip->imm, FLAGS(__VA_ARGS__))        \
    INT(name##_64R, 64, R(ip->b), FLAGS(__VA_ARGS__))       \
    INT(name##_64I, 64, ip->imm, FLAGS(__VA_ARGS__))        \
    INT(name##_BR_32R, 32, R(ip->b), FLAGS_BR(__VA_ARGS__)) \
    INT(name##_BR_32I, 32, ip->imm, FLAGS_BR(__VA_ARGS__))  \
    INT(name##_BR_64R, 64, R(ip->b), FLAGS_BR(__VA_ARGS__)) \
    INT(name##_BR_64I, 64, ip->imm, FLAGS_BR(__VA_ARGS__))
#define FLAGS3(...)                                         \
    T r;                                                    \
    uint32_t nzcv;                                          \
    uint64_t imm = ip->imm;                                 \
    __VA_ARGS__;                                            \
    (void)r;                                                \
    cpu->nzcv = nzcv;                                       \
    NEXT;
#define IR_FLG3(name, flags, ...)                           \
    INT(name##_32, 32, R(ip->b), FLAGS3(__VA_ARGS__))       \
    INT(name##_64, 64, R(ip->b), FLAGS3(__VA_ARGS__))

// Memory -----------------------------------------------------------------------------------------
// Guests access memory unaligned; U_ is the memory type as it may lie in RAM.
// FAST(table, address, size) defines `host` or goes to the slow label, where `va` is the address.
#define FAST(table, size, ...)                                                          \
    const struct tlb_entry *e_ = &cpu->table[tlb_index(va)];                            \
    if (unlikely(e_->tag != tlb_want(va, size, cpu->dctx))) {                           \
        __VA_ARGS__                                                                     \
    }                                                                                   \
    void *host = (void *)(uintptr_t)(va + e_->addend);
#define PLAIN   (R(ip->a) + ip->imm)
#define INDEXED (R(ip->a) + (R(ip->b) << ip->imm))
#define LOAD(label, address, MT, XT)                                                    \
    L_##label : {                                                                       \
        typedef MT U_ __attribute__((aligned(1)));                                      \
        gva_t va = address;                                                             \
        FAST(rtlb, sizeof(MT), {                                                        \
            MT v_;                                                                      \
            if (unlikely(!mem_load(cpu, va, sizeof v_, 0, &v_)))                        \
                goto bail;                                                              \
            R(ip->d) = (XT)v_;                                                          \
            NEXT;                                                                       \
        })                                                                              \
        R(ip->d) = (XT)*(volatile U_ *)host;                                            \
        NEXT;                                                                           \
    }
#define STORE(label, address, MT)                                                       \
    L_##label : {                                                                       \
        typedef MT U_ __attribute__((aligned(1)));                                      \
        gva_t va = address;                                                             \
        FAST(wtlb, sizeof(MT), {                                                        \
            MT v_ = (MT)R(ip->c);                                                       \
            if (unlikely(!mem_store(cpu, va, sizeof v_, 0, &v_)))                       \
                goto bail;                                                              \
            NEXT;                                                                       \
        })                                                                              \
        *(volatile U_ *)host = (MT)R(ip->c);                                            \
        NEXT;                                                                           \
    }
#define IR_LOAD(name, MT, XT) LOAD(name, PLAIN, MT, XT) LOAD(name##_X, INDEXED, MT, XT)
#define IR_STORE(name, MT)    STORE(name, PLAIN, MT) STORE(name##_X, INDEXED, MT)
#define IR_LOADP(name, MT)                                                              \
    L_##name : {                                                                        \
        typedef MT U_ __attribute__((aligned(1)));                                      \
        gva_t va = PLAIN;                                                               \
        FAST(rtlb, 2 * sizeof(MT), {                                                    \
            MT v_[2];                                                                   \
            if (unlikely(!mem_load(cpu, va, sizeof v_, MEM_PAIR, v_)))                         \
                goto bail;                                                              \
            R(ip->d) = v_[0];                                                           \
            R(ip->c) = v_[1];                                                           \
            NEXT;                                                                       \
        })                                                                              \
        MT first_ = ((volatile U_ *)host)[0], second_ = ((volatile U_ *)host)[1];       \
        R(ip->d) = first_;                                                              \
        R(ip->c) = second_;                                                             \
        NEXT;                                                                           \
    }
#define IR_STOREP(name, MT)                                                             \
    L_##name : {                                                                        \
        typedef MT U_ __attribute__((aligned(1)));                                      \
        gva_t va = PLAIN;                                                               \
        FAST(wtlb, 2 * sizeof(MT), {                                                    \
            MT v_[2] = { (MT)R(ip->c), (MT)R(ip->b) };                                  \
            if (unlikely(!mem_store(cpu, va, sizeof v_, MEM_PAIR, v_)))                        \
                goto bail;                                                              \
            NEXT;                                                                       \
        })                                                                              \
        ((volatile U_ *)host)[0] = (MT)R(ip->c);                                        \
        ((volatile U_ *)host)[1] = (MT)R(ip->b);                                        \
        NEXT;                                                                           \
    }
#define LOADV(label, address, size)                                                     \
    L_##label : {                                                                       \
        gva_t va = address;                                                             \
        uint64_t v_[2] = { 0, 0 };                                                      \
        FAST(rtlb, size, {                                                              \
            uint64_t s_[2] = { 0, 0 };                                                  \
            if (unlikely(!mem_load(cpu, va, size, 0, s_)))                              \
                goto bail;                                                              \
            memcpy(P(ip->d), s_, 16);                                                   \
            NEXT;                                                                       \
        })                                                                              \
        memcpy(v_, host, size);                                                         \
        memcpy(P(ip->d), v_, 16);                                                       \
        NEXT;                                                                           \
    }
#define STOREV(label, address, size)                                                    \
    L_##label : {                                                                       \
        gva_t va = address;                                                             \
        FAST(wtlb, size, {                                                              \
            if (unlikely(!mem_store(cpu, va, size, 0, P(ip->c))))                       \
                goto bail;                                                              \
            NEXT;                                                                       \
        })                                                                              \
        memcpy(host, P(ip->c), size);                                                   \
        NEXT;                                                                           \
    }
#define IR_LOADVP(name, size)                                                           \
    L_##name : {                                                                        \
        gva_t va = PLAIN;                                                               \
        uint64_t v_[4] = { 0, 0, 0, 0 };                                                \
        FAST(rtlb, 2 * size, {                                                          \
            uint8_t s_[2 * size];                                                       \
            if (unlikely(!mem_load(cpu, va, sizeof s_, MEM_PAIR, s_)))                  \
                goto bail;                                                              \
            split_pair(P(ip->d), P(ip->c), s_, size);                                   \
            NEXT;                                                                       \
        })                                                                              \
        memcpy(v_, host, size);                                                         \
        memcpy(v_ + 2, (uint8_t *)host + size, size);                                   \
        memcpy(P(ip->d), v_, 16);                                                       \
        memcpy(P(ip->c), v_ + 2, 16);                                                   \
        NEXT;                                                                           \
    }
#define IR_STOREVP(name, size)                                                          \
    L_##name : {                                                                        \
        gva_t va = PLAIN;                                                               \
        FAST(wtlb, 2 * size, {                                                          \
            uint8_t s_[2 * size];                                                       \
            memcpy(s_, P(ip->c), size);                                                 \
            memcpy(s_ + size, P(ip->b), size);                                          \
            if (unlikely(!mem_store(cpu, va, sizeof s_, MEM_PAIR, s_)))                 \
                goto bail;                                                              \
            NEXT;                                                                       \
        })                                                                              \
        memcpy(host, P(ip->c), size);                                                   \
        memcpy((uint8_t *)host + size, P(ip->b), size);                                 \
        NEXT;                                                                           \
    }
#define IR_LOADV(name, size)  LOADV(name, PLAIN, size) LOADV(name##_X, INDEXED, size)
#define IR_STOREV(name, size) STOREV(name, PLAIN, size) STOREV(name##_X, INDEXED, size)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshift-count-overflow" // i32 twins of rows that are 64-bit only
#include "jit/ir_ops.def"
#pragma GCC diagnostic pop

// The rest ---------------------------------------------------------------------------------------
L_MOVI:
    R(ip->d) = ip->imm;
    NEXT;
L_PCREL:
    R(ip->d) = cpu->pc_page + ip->imm;
    NEXT;
L_SET_NZCV:
    cpu->nzcv = R(ip->a) >> 28 & 15;
    NEXT;
L_GET_NZCV:
    R(ip->d) = (uint64_t)cpu->nzcv << 28;
    NEXT;
L_CHECK_SP:
    if (unlikely(R(ip->a) & 15)) {
        cpu->guest->record_fault(cpu, FAULT_STACK, R(ip->a), MEM_READ, 0);
        goto bail;
    }
    NEXT;
L_FENCE:
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    NEXT;
L_CLREX:
    cpu->excl_size = 0;
    NEXT;
L_CALL:
    ip->fn(cpu, P(ip->d), P(ip->a), P(ip->b), P(ip->c), ip->imm);
    NEXT;
L_CALL_BAIL:
    // Such a helper may want to know where it is.
    cpu->pc = cpu->pc_page + tb->offs[ip - tb->code];
    ip->fn(cpu, P(ip->d), P(ip->a), P(ip->b), P(ip->c), ip->imm);
    if (unlikely(cpu->bail)) {
        cpu->bail = false;
        goto bail;
    }
    NEXT;

// Branches ---------------------------------------------------------------------------------------
#define BRANCH(condition)               \
    ip += (condition) ? 1 : 2;          \
    FOLLOW;
L_BR_COND:
    BRANCH(ip->c >> cpu->nzcv & 1)
L_BR_Z_32:
    BRANCH(!(uint32_t)R(ip->a))
L_BR_Z_64:
    BRANCH(!R(ip->a))
L_BR_NZ_32:
    BRANCH((uint32_t)R(ip->a))
L_BR_NZ_64:
    BRANCH(R(ip->a))
L_BR_BIT0:
    BRANCH(!(R(ip->a) >> ip->b & 1))
L_BR_BIT1:
    BRANCH(R(ip->a) >> ip->b & 1)

L_GOTO: {
    struct tb *to = __atomic_load_n(&ip->link, __ATOMIC_ACQUIRE);
    if (unlikely(exit_requested(cpu))) {
        cpu->pc = cpu->pc_page + ip->imm;
        goto lookup;
    }
    if (unlikely(!to)) {
        cpu->pc = cpu->pc_page + ip->imm;
        to = link_to(cpu, ip);
        if (!to)
            goto fault;
    }
    ENTER(to);
}
L_GOTO_FAR:
    cpu->pc = cpu->pc_page + ip->imm;
    goto lookup;
L_BR_IND:
    cpu->pc = R(ip->a);
    ((uint64_t *)(ip + 1))[tb_seen_slot(cpu->pc)] = cpu->pc;
    goto lookup;
L_EXIT:
    cpu->pc = cpu->pc_page + ip->imm;
    goto changed;
L_EXIT_PC:
    goto changed;
L_RAISE:
    leave_at(cpu, tb, ip);
    cpu->icount++;
    cpu->stats.exceptions++;
    cpu->guest->raise(cpu, ip->imm);
    goto changed;

L_REGION:
    // ENTER has counted the block's instructions; the region counts its own.
    cpu->icount -= tb->n_insns;
    {
        const struct region_way *way = __atomic_load_n(&tb->region, __ATOMIC_ACQUIRE);
        cpu->pc = cpu->pc_page + tb->off;
        if (likely(way) && region_enter(cpu, way) == REGION_LEFT) // else it was taken away just now
            goto changed;
    }
    cpu->stats.region_bails++;
    // The interpreter's turn, with the block at pc itself, even if a region starts there.
    tb = tb_find(cpu, cpu->pc);
    if (unlikely(!tb))
        goto fault;
    cpu->pc_page = cpu->pc & PAGE_MASK;
    cpu->icount += tb->n_insns;
    ip = tb->code + 1;
    goto *ip->handler;

look:
    // Once in TB_LOOK_EVERY executions: is this block worth compiling?
    tb->executions += TB_LOOK_EVERY;
    tb->countdown = TB_LOOK_EVERY;
    cpu->pc = cpu->pc_page + tb->off;
    tier_look(cpu, tb);
    cpu->icount += tb->n_insns;
    ip = tb->entry;
    goto *ip->handler;

bail:
    leave_at(cpu, tb, ip);
    if (unlikely(cpu->io == VCPU_IO_WANTED))
        return NULL;
fault:
    cpu->stats.exceptions++;
    cpu->guest->raise_fault(cpu);
changed:
    if (unlikely(cpu->halt))
        return NULL;
lookup:
    if (unlikely(exit_requested(cpu)))
        return NULL;
    tb = tb_find(cpu, cpu->pc);
    if (unlikely(!tb))
        goto fault;
    cpu->pc_page = cpu->pc & PAGE_MASK;
    ENTER(tb);
}

void interp_run(struct vcpu *cpu)
{
    run(cpu, NULL);
}

void interp_run_from(struct vcpu *cpu, struct tb *tb)
{
    tb_need_interp(cpu, tb);
    run(cpu, tb);
}

const void *const *interp_handlers(void)
{
    return run(NULL, NULL);
}
