// SPDX-License-Identifier: GPL-3.0-or-later
// Atomicity comes from the host: read-modify-writes are locked instructions on guest RAM, and
// STXR is a compare-and-swap of the value LDXR saw. x86's plain accesses are acquire and release;
// only a store-release needs a fence behind it, so that a later load-acquire does not pass it
// (mem_store does that). Everything that is naturally aligned is one access of the host's, up to 8
// bytes, and 16 in CASP and STXP; LDXP of 64-bit registers need not be (a torn one fails in STXP),
// and what is misaligned faults, or is plain and promises nothing (FEAT_LSE2 is not there).
//
// The engines that have code of their own for these (quick_atomic.c, gccjit_lower_mem.c) use the same
// instructions, so that vCPUs on different engines are atomic towards each other.
#include "jit/atomic.h"

#include "jit/tlb.h"

#include <assert.h>
#include <string.h>

static unsigned attr_of(uint64_t imm)
{
    return (unsigned)(imm >> 32 & 0xffff);
}

static uint64_t *second(struct vcpu *cpu, uint64_t imm)
{
    return (uint64_t *)cpu + (imm >> 48);
}

// Loads and stores with attributes ---------------------------------------------------------------

static gva_t plain(const void *a, const void *b, uint64_t imm)
{
    (void)b;
    return *(const uint64_t *)a + (uint64_t)(int64_t)(int32_t)imm;
}

static gva_t indexed(const void *a, const void *b, uint64_t imm)
{
    return *(const uint64_t *)a + (*(const uint64_t *)b << (imm & 63));
}

#define FN(name) \
    static void name(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm)
#define LOAD(name, how, MT, XT)                                        \
    FN(name)                                                           \
    {                                                                  \
        MT v;                                                          \
        if (mem_load(cpu, how(a, b, imm), sizeof v, attr_of(imm), &v)) \
            *(uint64_t *)d = (XT)v;                                    \
        else                                                           \
            cpu->bail = true;                                          \
    }
#define STORE(name, how, MT)                                             \
    FN(name)                                                             \
    {                                                                    \
        MT v = (MT)*(const uint64_t *)c;                                 \
        if (!mem_store(cpu, how(a, b, imm), sizeof v, attr_of(imm), &v)) \
            cpu->bail = true;                                            \
    }
#define LOADV(name, how, size)                                        \
    FN(name)                                                          \
    {                                                                 \
        uint64_t v[2] = { 0, 0 };                                     \
        if (mem_load(cpu, how(a, b, imm), size, attr_of(imm), v))     \
            memcpy(d, v, sizeof v);                                   \
        else                                                          \
            cpu->bail = true;                                         \
    }
#define STOREV(name, how, size)                                       \
    FN(name)                                                          \
    {                                                                 \
        if (!mem_store(cpu, how(a, b, imm), size, attr_of(imm), c))   \
            cpu->bail = true;                                         \
    }
#define IR_LOAD(name, MT, XT) LOAD(mem_##name, plain, MT, XT) LOAD(mem_##name##_X, indexed, MT, XT)
#define IR_STORE(name, MT)    STORE(mem_##name, plain, MT) STORE(mem_##name##_X, indexed, MT)
#define IR_LOADV(name, size)  LOADV(mem_##name, plain, size) LOADV(mem_##name##_X, indexed, size)
#define IR_STOREV(name, size) STOREV(mem_##name, plain, size) STOREV(mem_##name##_X, indexed, size)
#define IR_LOADP(name, MT)                                                                \
    FN(mem_##name)                                                                        \
    {                                                                                     \
        MT v[2];                                                                          \
        if (mem_load(cpu, plain(a, b, imm), sizeof v, attr_of(imm) | MEM_PAIR, v)) {      \
            *(uint64_t *)d = v[0];                                                        \
            *second(cpu, imm) = v[1];                                                     \
        } else {                                                                          \
            cpu->bail = true;                                                             \
        }                                                                                 \
    }
#define IR_STOREP(name, MT)                                                               \
    FN(mem_##name)                                                                        \
    {                                                                                     \
        MT v[2] = { (MT)*(const uint64_t *)c, (MT)*(const uint64_t *)b };                 \
        if (!mem_store(cpu, plain(a, b, imm), sizeof v, attr_of(imm) | MEM_PAIR, v))      \
            cpu->bail = true;                                                             \
    }
#define IR_LOADVP(name, size)                                                             \
    FN(mem_##name)                                                                        \
    {                                                                                     \
        uint8_t v[2 * (size)];                                                            \
        if (mem_load(cpu, plain(a, b, imm), sizeof v, attr_of(imm) | MEM_PAIR, v)) {      \
            void *d2 = second(cpu, imm);                                                  \
            memset(d, 0, 16);                                                             \
            memset(d2, 0, 16);                                                            \
            memcpy(d, v, size);                                                           \
            memcpy(d2, v + (size), size);                                                 \
        } else {                                                                          \
            cpu->bail = true;                                                             \
        }                                                                                 \
    }
#define IR_STOREVP(name, size)                                                            \
    FN(mem_##name)                                                                        \
    {                                                                                     \
        uint8_t v[2 * (size)];                                                            \
        memcpy(v, c, size);                                                               \
        memcpy(v + (size), b, size);                                                      \
        if (!mem_store(cpu, plain(a, b, imm), sizeof v, attr_of(imm) | MEM_PAIR, v))      \
            cpu->bail = true;                                                             \
    }
#include "jit/ir_ops.def"

ir_fn *const mem_fn_table[IR_NR_OPS][2] = {
#define IR_LOAD(name, ...)   [IR_##name] = { mem_##name, mem_##name##_X },
#define IR_STORE(name, ...)  [IR_##name] = { mem_##name, mem_##name##_X },
#define IR_LOADV(name, ...)  [IR_##name] = { mem_##name, mem_##name##_X },
#define IR_STOREV(name, ...) [IR_##name] = { mem_##name, mem_##name##_X },
#define IR_LOADP(name, ...)  [IR_##name] = { mem_##name, NULL },
#define IR_STOREP(name, ...) [IR_##name] = { mem_##name, NULL },
#define IR_LOADVP(name, ...)  [IR_##name] = { mem_##name, NULL },
#define IR_STOREVP(name, ...) [IR_##name] = { mem_##name, NULL },
#include "jit/ir_ops.def"
};

ir_fn *mem_fn(enum ir_op op, bool with_index)
{
    return mem_fn_table[op][with_index];
}


void atomic_probe(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c, uint64_t imm)
{
    enum mem_access access = imm >> 63 ? MEM_WRITE : MEM_READ;
    unsigned attr = attr_of(imm) & 0x7fff;
    if (!mem_probe(cpu, *(const uint64_t *)a, (uint32_t)imm, access, attr))
        cpu->bail = true;
}

// Read-modify-writes -----------------------------------------------------------------------------

// One function for each size; the kind is in the immediate's low byte.
#define ATOMIC(bits)                                                                            \
    FN(atomic_##bits)                                                                           \
    {                                                                                           \
        typedef uint##bits##_t T;                                                               \
        typedef int##bits##_t ST;                                                               \
        T *p = mem_rmw(cpu, *(const uint64_t *)a, sizeof *p, attr_of(imm), true);               \
        if (!p) {                                                                               \
            cpu->bail = true;                                                                   \
            return;                                                                             \
        }                                                                                       \
        T x = (T)*(const uint64_t *)b, y = (T)*(const uint64_t *)c, old, new;                   \
        switch ((enum ir_atomic)(imm & 0xff)) {                                                 \
        case IR_ATOMIC_ADD: old = __atomic_fetch_add(p, x, __ATOMIC_SEQ_CST); break;            \
        case IR_ATOMIC_CLR: old = __atomic_fetch_and(p, (T)~x, __ATOMIC_SEQ_CST); break;        \
        case IR_ATOMIC_XOR: old = __atomic_fetch_xor(p, x, __ATOMIC_SEQ_CST); break;            \
        case IR_ATOMIC_SET: old = __atomic_fetch_or(p, x, __ATOMIC_SEQ_CST); break;             \
        case IR_ATOMIC_SWP: old = __atomic_exchange_n(p, x, __ATOMIC_SEQ_CST); break;           \
        case IR_ATOMIC_CAS:                                                                     \
            old = x;                                                                            \
            __atomic_compare_exchange_n(p, &old, y, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
            break;                                                                              \
        default:                                                                                \
            old = __atomic_load_n(p, __ATOMIC_RELAXED);                                         \
            do {                                                                                \
                switch ((enum ir_atomic)(imm & 0xff)) {                                         \
                case IR_ATOMIC_SMAX: new = (ST)old > (ST)x ? old : x; break;                    \
                case IR_ATOMIC_SMIN: new = (ST)old < (ST)x ? old : x; break;                    \
                case IR_ATOMIC_UMAX: new = old > x ? old : x; break;                            \
                default: new = old < x ? old : x; break;                                        \
                }                                                                               \
            } while (!__atomic_compare_exchange_n(p, &old, new, false, __ATOMIC_SEQ_CST,        \
                                                  __ATOMIC_SEQ_CST));                           \
        }                                                                                       \
        *(uint64_t *)d = old;                                                                   \
        mem_rmw_done(cpu);                                                                      \
    }
ATOMIC(8)
ATOMIC(16)
ATOMIC(32)
ATOMIC(64)

static unsigned log2_of(uint64_t imm)
{
    return (unsigned)(imm >> 16 & 15);
}

// Pairs as one value: elements of 4 or 8 bytes, the first one lowest.
static unsigned __int128 join(unsigned log2, uint64_t lo, uint64_t hi)
{
    return log2 == 3 ? (unsigned __int128)hi << 64 | lo : (uint64_t)(uint32_t)hi << 32 | (uint32_t)lo;
}

static void split(unsigned log2, unsigned __int128 v, uint64_t *lo, uint64_t *hi)
{
    *lo = log2 == 3 ? (uint64_t)v : (uint32_t)v;
    *hi = log2 == 3 ? (uint64_t)(v >> 64) : (uint32_t)((uint64_t)v >> 32);
}

// What was in memory, size bytes at p; memory becomes `new` if that was `old`.
static unsigned __int128 compare_and_swap(void *p, unsigned size, unsigned __int128 old,
                                          unsigned __int128 new)
{
    switch (size) {
    case 1: return __sync_val_compare_and_swap((uint8_t *)p, (uint8_t)old, (uint8_t)new);
    case 2: return __sync_val_compare_and_swap((uint16_t *)p, (uint16_t)old, (uint16_t)new);
    case 4: return __sync_val_compare_and_swap((uint32_t *)p, (uint32_t)old, (uint32_t)new);
    case 8: return __sync_val_compare_and_swap((uint64_t *)p, (uint64_t)old, (uint64_t)new);
    default: return __sync_val_compare_and_swap((unsigned __int128 *)p, old, new);
    }
}

FN(atomic_casp)
{
    unsigned log2 = log2_of(imm), size = 2u << log2;
    uint64_t *d2 = second(cpu, imm);
    void *p = mem_rmw(cpu, *(const uint64_t *)a, size, attr_of(imm), true);
    if (!p) {
        cpu->bail = true;
        return;
    }
    unsigned __int128 want = join(log2, *(uint64_t *)d, *d2);
    unsigned __int128 new = join(log2, *(const uint64_t *)b, *(const uint64_t *)c);
    split(log2, compare_and_swap(p, size, want, new), d, d2);
    mem_rmw_done(cpu);
}

// Exclusives -------------------------------------------------------------------------------------

FN(atomic_ldx)
{
    bool pair = imm & 1;
    unsigned log2 = log2_of(imm), size = (1u + pair) << log2;
    uint64_t v[2] = { 0, 0 }, va = *(const uint64_t *)a;
    if (!mem_load(cpu, va, size, attr_of(imm) | MEM_ALIGNED, v)) {
        cpu->bail = true;
        return;
    }
    cpu->excl_addr = va;
    cpu->excl_size = size;
    cpu->excl_value[0] = v[0];
    cpu->excl_value[1] = v[1];
    if (!pair)
        *(uint64_t *)d = v[0];
    else if (log2 == 3)
        *(uint64_t *)d = v[0], *second(cpu, imm) = v[1];
    else
        *(uint64_t *)d = (uint32_t)v[0], *second(cpu, imm) = v[0] >> 32;
}

FN(atomic_stx)
{
    bool pair = imm & 1;
    unsigned log2 = log2_of(imm), size = (1u + pair) << log2;
    uint64_t va = *(const uint64_t *)a;
    uint64_t lo = *(const uint64_t *)b, hi = *(const uint64_t *)c;
    // The address is checked even when the monitor does not hold: the guest may rely on the fault.
    void *p = mem_rmw(cpu, va, size, attr_of(imm), false);
    if (!p) {
        cpu->bail = true;
        return;
    }
    bool ok = cpu->excl_size == size && cpu->excl_addr == va;
    if (ok) {
        unsigned __int128 old = (unsigned __int128)cpu->excl_value[1] << 64 | cpu->excl_value[0];
        unsigned __int128 new = pair ? join(log2, lo, hi) : (unsigned __int128)lo & mask64(8u << log2);
        ok = compare_and_swap(p, size, old, new) == old;
    }
    mem_rmw_done(cpu);
    cpu->excl_size = 0;
    *(uint64_t *)d = !ok;
}

ir_fn *const atomic_fn_table[] = {
    atomic_8, atomic_16, atomic_32, atomic_64, atomic_casp, atomic_ldx, atomic_stx, atomic_probe,
};

unsigned atomic_fn_index(const struct ir_insn *i)
{
    switch (i->op) {
    case IR_CASP: return 4;
    case IR_LDX: return 5;
    case IR_STX: return 6;
    case IR_PROBE: return 7;
    }
    return i->type;
}

ir_fn *atomic_fn(const struct ir_insn *i)
{
    return atomic_fn_table[atomic_fn_index(i)];
}

uint64_t atomic_imm(const struct ir_insn *i, unsigned d2_slot)
{
    bool pair = i->op == IR_LDX ? i->d2 != IR_NONE : i->op == IR_STX && i->c != IR_NONE;
    uint64_t kind = i->op == IR_ATOMIC ? i->imm : pair;
    return kind | (uint64_t)i->type << 16 | (uint64_t)i->attr << 32 | (uint64_t)d2_slot << 48;
}
