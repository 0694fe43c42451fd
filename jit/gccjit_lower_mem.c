// SPDX-License-Identifier: GPL-3.0-or-later
// Guest memory in compiled regions.
//
// A *site* remembers the page of the last access through a base register (and a direction): its
// guest address and what to add to one in it for the host's, in two locals. The check is a subtraction
// and a comparison, off the chain of loads. A miss looks into the TLB, and then asks a thunk
// (region_slow.h) for what to add and what to remember; what is not plain RAM the thunk does itself
// and leads to a scratch address, so that one piece of code makes the access in every case. Translations change only where helpers
// run, and there sites are forgotten (gc_sites_forget). The accesses themselves are volatile asm: GCC
// must not move, merge, split or repeat them, and libgccjit drops the volatility of what a pointer
// points to.
#include "jit/gccjit_ctx.h"
#include "jit/gccjit_sites.h"
#include "jit/region_slow.h"
#include "jit/tlb.h"

#include <stdio.h>
#include <string.h>

#define OP(op)  GCC_JIT_BINARY_OP_##op
#define CMP(op) GCC_JIT_COMPARISON_##op

struct access {
    unsigned size;  // of all elements together
    unsigned attr;  // for the slow path
    bool store;
    rval va;
    struct gc_site *site;
    gcc_jit_block *bad; // where to go with what is not in the TLB; NULL: the thunk is asked
};

static rval plus(struct gc *g, rval a, uint64_t b)
{
    return b ? gc_bin(g, OP(PLUS), g->u64, a, gc_u64(g, b)) : a;
}

static rval address_of(struct gc *g, const struct ir_insn *i, bool indexed)
{
    rval base = gc_src(g, i->a);
    if (!indexed)
        return plus(g, base, i->imm);
    return gc_bin(g, OP(PLUS), g->u64, base, gc_bin(g, OP(LSHIFT), g->u64, gc_src(g, i->b), gc_u64(g, i->imm & 63)));
}

// Where an access is on the host: the sum of the two, which an x86 address does for nothing.
struct place {
    rval addend, va;
};

static lval xfer(struct gc *g, unsigned byte, gcc_jit_type *type)
{
    return gc_field(g, offsetof(struct vcpu, xfer) + byte, type);
}

// The TLB itself (tlb.h: index, tag), and the thunk behind it: in line, because a site that wanders
// from page to page comes here each time, and then the addend's load is on the chain. rax: out, the
// addend; rdx: failure; rcx: the page to remember. What a store writes is in vcpu.xfer. With `bad`
// the thunk is not asked: what the TLB does not have goes there, and the site remembers nothing.
static void ask_tlb(struct gc *g, const struct access *a, gcc_jit_block *hit, gcc_jit_block *bad)
{
    char text[640], behind[96];
    if (bad)
        snprintf(behind, sizeof behind, "movl $1, %%%%edx\n\tmovq %zu(%%%%rdi), %%%%rcx", offsetof(struct vcpu, no_page));
    else
        snprintf(behind, sizeof behind, "movq %%3, %%%%rax\n\tmovl $%u, %%%%edx\n\tcall *%zu(%%%%rdi)", a->size | a->attr << 8,
             a->store ? offsetof(struct vcpu, region_store) : offsetof(struct vcpu, region_load));
    size_t table = a->store ? offsetof(struct vcpu, wtlb) : offsetof(struct vcpu, rtlb);
    snprintf(text, sizeof text,
             "movl %%k3, %%%%ecx\n\tleaq %u(%%3), %%%%rdx\n\tshrl $%u, %%%%ecx\n\tmovl %zu(%%%%rdi), %%%%eax\n\t"
             "andq $-%u, %%%%rdx\n\tandl $%u, %%%%ecx\n\torq %%%%rdx, %%%%rax\n\tcmpq %zu(%%%%rdi,%%%%rcx), %%%%rax\n\tjne 1f\n\t"
             "movq %zu(%%%%rdi,%%%%rcx), %%%%rax\n\tmovq %%%%rdx, %%%%rcx\n\txorl %%%%edx, %%%%edx\n2:\n\t"
             ".subsection 1\n1:\t%s\n\tjmp 2b\n\t.subsection 0",
             a->size - 1, PAGE_BITS - 4, offsetof(struct vcpu, dctx), (unsigned)PAGE_SIZE, (TLB_SIZE - 1) << 4,
             table + offsetof(struct tlb_entry, tag), table + offsetof(struct tlb_entry, addend),
             behind);
    lval failed = gc_local(g, g->u64, "failed");
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&a", a->site->addend);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&d", failed);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "=&c", a->site->page);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", a->va);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "D", gcc_jit_param_as_rvalue(g->cpu));
    gcc_jit_extended_asm_add_clobber(as, "memory");
    gcc_jit_extended_asm_add_clobber(as, "cc");
    rval is_bad = gc_cmp(g, CMP(NE), gcc_jit_lvalue_as_rvalue(failed), gc_u64(g, 0));
    gc_branch_rarely(g, is_bad, bad ? bad : gc_bail_block(g), hit);
}

// Where the access is on the host: code goes on with a usable address in every case. values: what
// a store writes, count of them, as type.
static struct place translate(struct gc *g, const struct access *a, const rval *values, unsigned count, gcc_jit_type *type)
{
    rval page = gcc_jit_lvalue_as_rvalue(a->site->page);
    gcc_jit_block *hit = gc_block(g), *miss = gc_block(g);
    rval within = gc_bin(g, OP(MINUS), g->u64, a->va, page);
    gc_branch_rarely(g, gc_cmp(g, CMP(GT), within, gc_u64(g, PAGE_SIZE - a->size)), miss, hit);
    g->at = miss;
    for (unsigned n = 0; n < count; n++)
        gc_set(g, xfer(g, n * (a->size / count), type), values[n]);
    ask_tlb(g, a, hit, a->bad);
    g->at = hit;
    return (struct place){ gcc_jit_lvalue_as_rvalue(a->site->addend), a->va };
}

static unsigned log2_of(unsigned size)
{
    return (unsigned)__builtin_ctz(size);
}

// One access, `offset` bytes from the place. what: the instruction, with %0 for the register and M
// for the memory.
static gcc_jit_extended_asm *move(struct gc *g, const char *what, unsigned offset)
{
    char text[64];
    const char *m = strchr(what, 'M');
    snprintf(text, sizeof text, "%.*s%u(%%1,%%2)%s", (int)(m - what), what, offset, m + 1);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    return as;
}

static rval load_from(struct gc *g, const char *what, const struct place *p, unsigned offset, gcc_jit_type *type)
{
    lval v = gc_local(g, type, "ld");
    gcc_jit_extended_asm *as = move(g, what, offset);
    gcc_jit_extended_asm_add_output_operand(as, NULL, type == g->v2 ? "=x" : "=r", v);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", p->addend);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", p->va);
    return gcc_jit_lvalue_as_rvalue(v);
}

// constraint: of the value.
static void store_to(struct gc *g, const char *what, const struct place *p, unsigned offset, const char *constraint, rval v)
{
    gcc_jit_extended_asm *as = move(g, what, offset);
    gcc_jit_extended_asm_add_input_operand(as, NULL, constraint, v);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", p->addend);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", p->va);
}

// By log2 of the size: extended with zeros, with the sign to 64 bits, to 32.
static const char *const load_insns[3][4] = {
    { "movzbl M, %k0", "movzwl M, %k0", "movl M, %k0", "movq M, %0" },
    { "movsbq M, %0", "movswq M, %0", "movslq M, %0", "movq M, %0" },
    { "movsbl M, %k0", "movswl M, %k0", "movl M, %k0", "movq M, %0" },
};
static const char *const store_insns[4] = { "movb %b0, M", "movw %w0, M", "movl %k0, M", "movq %0, M" };
static const char *const vector_loads[5] = { NULL, NULL, "vmovd M, %0", "vmovq M, %0", "vmovdqu M, %0" };
static const char *const vector_stores[5] = { NULL, NULL, "vmovd %0, M", "vmovq %0, M", "vmovdqu %0, M" };

static void load(struct gc *g, const struct ir_insn *i, struct access *a, bool sign, bool to32)
{
    struct place p = translate(g, a, NULL, 0, NULL);
    gc_dst(g, i->d, load_from(g, load_insns[sign ? 1 + to32 : 0][log2_of(a->size)], &p, 0, g->u64));
}

// Two scalars. Both are read before either destination is written.
static void load_pair(struct gc *g, const struct ir_insn *i, struct access *a, unsigned each)
{
    struct place p = translate(g, a, NULL, 0, NULL);
    const char *what = load_insns[0][log2_of(each)];
    rval first = load_from(g, what, &p, 0, g->u64), second = load_from(g, what, &p, each, g->u64);
    gc_dst(g, i->d, first);
    gc_dst(g, i->d2, second);
}

// One or two vector registers of `each` bytes.
static void load_vec(struct gc *g, const struct ir_insn *i, struct access *a, unsigned each)
{
    unsigned count = a->size / each;
    const ir_val d[2] = { i->d, i->d2 };
    struct place p = translate(g, a, NULL, 0, NULL);
    rval v[2];
    for (unsigned n = 0; n < count; n++)
        v[n] = each >= 4 ? load_from(g, vector_loads[log2_of(each)], &p, n * each, g->v2)
                         : gc_vec_of(g, load_from(g, load_insns[0][log2_of(each)], &p, n * each, g->u64), gc_u64(g, 0));
    for (unsigned n = 0; n < count; n++)
        gc_vec_dst_low(g, d[n], v[n], each == 16 ? 0 : each == 8 ? 64 : 32);
}

// One or two values of `each` bytes, from general or vector registers.
static void store(struct gc *g, const struct ir_insn *i, struct access *a, unsigned each, bool vector)
{
    gcc_jit_type *const plain[5] = { g->u8, g->u16, g->u32, g->u64, g->v2 };
    gcc_jit_type *type = plain[log2_of(each)];
    unsigned count = a->size / each;
    const ir_val from[2] = { i->c, i->b };
    rval v[2], low[2]; // as it is stored, and for the thunk
    vector = vector && each >= 4;
    for (unsigned n = 0; n < count; n++) {
        v[n] = vector ? gc_copy(g, gc_vec_src(g, from[n]), g->v2)
                      : gc_copy(g, gc_cast(g, gc_cast(g, gc_src(g, from[n]), type), g->u64), g->u64);
        low[n] = each == 16 ? v[n] : gc_cast(g, vector ? gc_vec_word(g, v[n], 0) : v[n], type);
    }
    struct place p = translate(g, a, low, count, type);
    for (unsigned n = 0; n < count; n++)
        store_to(g, vector ? vector_stores[log2_of(each)] : store_insns[log2_of(each)], &p, n * each,
                 vector ? "x" : each == 8 ? "re" : "ri", v[n]);
}

// ------------------------------------------------------------------------------------------------

struct shape {
    uint8_t size, sign; // bytes of an element; of what a load sign-extends from, or 0
    bool to32;
};

static const struct shape shapes[IR_NR_OPS] = {
#define IR_LOAD(name, MT, XT) [IR_##name] = { sizeof(MT), (MT)-1 < (MT)1 ? sizeof(MT) : 0, sizeof(XT) == 4 },
#define IR_STORE(name, MT)    [IR_##name] = { sizeof(MT), 0, false },
#define IR_LOADP(name, MT)    [IR_##name] = { sizeof(MT), 0, false },
#define IR_STOREP(name, MT)   [IR_##name] = { sizeof(MT), 0, false },
#define IR_LOADV(name, bytes) [IR_##name] = { bytes, 0, false },
#define IR_STOREV(name, bytes) [IR_##name] = { bytes, 0, false },
#define IR_LOADVP(name, bytes) [IR_##name] = { bytes, 0, false },
#define IR_STOREVP(name, bytes) [IR_##name] = { bytes, 0, false },
#include "jit/ir_ops.def"
};

// What the fast way cannot do is a call, in a block of its own.
static gcc_jit_block *call_block(struct gc *g, const struct ir_insn *i, gcc_jit_block *on)
{
    gcc_jit_block *at = g->at, *slow = gc_block(g);
    g->at = slow;
    gc_lower_call(g, i);
    gcc_jit_block_end_with_jump(g->at, NULL, on);
    g->at = at;
    return slow;
}

static void unless_aligned(struct gc *g, rval va, unsigned size, gcc_jit_block *slow)
{
    gcc_jit_block *on = gc_block(g);
    rval low = gc_bin(g, OP(BITWISE_AND), g->u64, va, gc_u64(g, size - 1));
    gc_branch_rarely(g, gc_cmp(g, CMP(NE), low, gc_u64(g, 0)), slow, on);
    g->at = on;
}

// Acquire and release: plain accesses of the host's, if they are aligned; a fence behind a release.
static gcc_jit_block *begin_ordered(struct gc *g, const struct ir_insn *i, const struct access *a)
{
    gcc_jit_block *on = gc_block(g);
    unless_aligned(g, a->va, a->size, call_block(g, i, on));
    return on;
}

static void end_ordered(struct gc *g, const struct ir_insn *i, gcc_jit_block *on)
{
    if (i->attr & MEM_RELEASE)
        gc_fence(g);
    gcc_jit_block_end_with_jump(g->at, NULL, on);
    g->at = on;
}

// Is it a temporary? A call leaves one in another form than the fast way does.
static bool is_tmp(ir_val v)
{
    return ir_kind(v) == IR_KIND_TMP;
}

bool gc_lower_mem(struct gc *g, const struct ir_insn *i)
{
    unsigned form = ir_op_info[i->op].form;
    if (form < IR_FORM_LOAD || form > IR_FORM_STOREVP || i->attr & ~(MEM_ACQUIRE | MEM_RELEASE | MEM_ALIGNED) ||
        (i->attr && ((form != IR_FORM_LOAD && form != IR_FORM_STORE) || is_tmp(i->d))))
        return false;
    bool pair = form == IR_FORM_LOADP || form == IR_FORM_STOREP || form == IR_FORM_LOADVP || form == IR_FORM_STOREVP;
    bool is_store = form == IR_FORM_STORE || form == IR_FORM_STOREP || form == IR_FORM_STOREV || form == IR_FORM_STOREVP;
    const struct shape *s = &shapes[i->op];
    bool indexed = !pair && i->b != IR_NONE;
    struct access a = { .size = s->size * (pair ? 2u : 1u), .attr = i->attr | (pair ? MEM_PAIR : 0), .store = is_store };
    a.va = gc_copy(g, address_of(g, i, indexed), g->u64);
    a.site = gc_site(g, i->a, indexed, is_store);
    gcc_jit_block *on = i->attr ? begin_ordered(g, i, &a) : NULL;
    switch (form) {
    case IR_FORM_LOAD: load(g, i, &a, s->sign, s->to32); break;
    case IR_FORM_LOADP: load_pair(g, i, &a, s->size); break;
    case IR_FORM_LOADV: case IR_FORM_LOADVP: load_vec(g, i, &a, s->size); break;
    default: store(g, i, &a, s->size, form == IR_FORM_STOREV || form == IR_FORM_STOREVP); break;
    }
    if (on)
        end_ordered(g, i, on);
    return true;
}

// Read-modify-writes --------------------------------------------------------------------------------

// A loop: the new value, in %1, made of the old one and the operand, %4.
#define SWAP_LOOP(make) "mov# (%2,%3), %@0\n1:\tmovq %q4, %q1\n\t" make "\n\tlock cmpxchg# %@1, (%2,%3)\n\tjne 1b"
#define LIMIT(cc)       SWAP_LOOP("cmp# %@1, %@0\n\tcmov" cc "q %q0, %q1")

// By kind: with the old value as a result, without. %0: operand (not of a loop) and old value, %1 a
// scratch register, %2, %3 the place; suffixes by size where there is a #, registers @.
static const char *const atomics[IR_ATOMIC_CAS + 1][2] = {
    [IR_ATOMIC_ADD] = { "lock xadd# %@0, (%2,%3)", "lock add# %@0, (%2,%3)" },
    [IR_ATOMIC_CLR] = { SWAP_LOOP("notq %q1\n\tand# %@0, %@1"), "notq %q0\n\tlock and# %@0, (%2,%3)" },
    [IR_ATOMIC_XOR] = { SWAP_LOOP("xor# %@0, %@1"), "lock xor# %@0, (%2,%3)" },
    [IR_ATOMIC_SET] = { SWAP_LOOP("or# %@0, %@1"), "lock or# %@0, (%2,%3)" },
    [IR_ATOMIC_SMAX] = { LIMIT("g"), LIMIT("g") },
    [IR_ATOMIC_SMIN] = { LIMIT("l"), LIMIT("l") },
    [IR_ATOMIC_UMAX] = { LIMIT("a"), LIMIT("a") },
    [IR_ATOMIC_UMIN] = { LIMIT("b"), LIMIT("b") },
    [IR_ATOMIC_SWP] = { "xchg# %@0, (%2,%3)", "xchg# %@0, (%2,%3)" },
    [IR_ATOMIC_CAS] = { "lock cmpxchg# %@1, (%2,%3)", "lock cmpxchg# %@1, (%2,%3)" },
};

static void sized(char *out, size_t room, const char *text, unsigned log2)
{
    size_t n = 0;
    for (; *text && n + 1 < room; text++)
        out[n++] = *text == '#' ? "bwlq"[log2] : *text == '@' ? "bwkq"[log2] : *text;
    out[n] = 0;
}

bool gc_lower_atomic(struct gc *g, const struct ir_insn *i)
{
    const char *what = i->op == IR_ATOMIC && i->imm <= IR_ATOMIC_CAS ? atomics[i->imm][i->d == IR_NONE] : NULL;
    if (!what || is_tmp(i->d) || i->attr & (MEM_UNPRIV | MEM_CACHE | MEM_PAIR))
        return false;
    gcc_jit_type *const plain[4] = { g->u8, g->u16, g->u32, g->u64 };
    gcc_jit_block *on = gc_block(g), *slow = call_block(g, i, on);
    struct access a = { .size = 1u << i->type, .store = true, .bad = slow };
    a.va = gc_copy(g, gc_src(g, i->a), g->u64);
    a.site = gc_site(g, i->a, false, true);
    lval old = gc_local(g, g->u64, "old"), with = gc_local(g, g->u64, "with");
    unless_aligned(g, a.va, a.size, slow);
    rval operand = gc_copy(g, gc_src(g, i->b), g->u64);
    gc_set(g, old, operand);
    gc_set(g, with, gc_src(g, i->c));
    struct place p = translate(g, &a, NULL, 0, NULL);
    char text[160];
    bool loops = strstr(what, "%q4"), by_rax = loops || i->imm == IR_ATOMIC_CAS;
    sized(text, sizeof text, what, i->type);
    gcc_jit_extended_asm *as = gcc_jit_block_add_extended_asm(g->at, NULL, text);
    gcc_jit_extended_asm_set_volatile_flag(as, 1);
    gcc_jit_extended_asm_add_output_operand(as, NULL, by_rax ? "+&a" : "+&r", old);
    gcc_jit_extended_asm_add_output_operand(as, NULL, "+&r", with);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", p.addend);
    gcc_jit_extended_asm_add_input_operand(as, NULL, "r", p.va);
    if (loops)
        gcc_jit_extended_asm_add_input_operand(as, NULL, "r", operand);
    gcc_jit_extended_asm_add_clobber(as, "cc");
    gc_dst(g, i->d, gc_cast(g, gc_cast(g, gcc_jit_lvalue_as_rvalue(old), plain[i->type]), g->u64));
    gcc_jit_block_end_with_jump(g->at, NULL, on);
    g->at = on;
    return true;
}
