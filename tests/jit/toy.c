// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/jit/toy.h"

#include "tests/support/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct toy_translator {
    struct ir ir; // first
    struct toy *toy;
};

static struct toy *toy_of(struct vcpu *cpu)
{
    return container_of(cpu, struct toy, cpu);
}

// The guest ---------------------------------------------------------------------------------------

static void translate_block(struct ir *ir, const uint8_t *page, uint32_t *n_insns)
{
    struct toy *t = container_of(ir, struct toy_translator, ir)->toy;
    unsigned off = ir->off;
    bool ended = false;
    for (*n_insns = 0; !ended; off += 4) {
        uint32_t word;
        memcpy(&word, page + off, sizeof word);
        ir->nr_tmp = 0;
        ir_insn_start(ir, off);
        ++*n_insns;
        t->word = word;
        assert(t->emit[word >> 24]);
        t->emit[word >> 24](t, ir, word & 0xffffff);
        ended = ir_flags(ir, &ir->insn[ir->nr - 1]) & IR_F_END;
        if (!ended && (off + 4 == PAGE_SIZE || *n_insns == ir->max_guest)) {
            ir_br(ir, off + 4);
            ended = true;
        }
    }
    char text[256];
    const char *why = ir_verify(ir, text, sizeof text);
    if (why) {
        fprintf(stderr, "the verifier refuses: %s\n", why);
        ir_print(ir, stderr);
        abort();
    }
}

static const struct toy_map *find_map(const struct toy *t, gva_t va)
{
    for (unsigned n = t->nr_maps; n-- > 0;) {
        const struct toy_map *m = &t->maps[n];
        bool here = ((va - m->va) << 8) >> 8 < m->span;
        if (here && (m->flags & TOY_GLOBAL || m->asid == t->asid))
            return m;
    }
    return NULL;
}

static void record(struct vcpu *cpu, enum mem_fault_kind kind, gva_t va, enum mem_access access,
                   unsigned attr)
{
    struct toy *t = toy_of(cpu);
    t->fault = (struct toy_fault){.kind = kind, .va = va, .access = access, .attr = attr};
}

static bool translate(struct vcpu *cpu, gva_t va, enum mem_access access, unsigned attr,
                      struct translation *out)
{
    struct toy *t = toy_of(cpu);
    t->nr_translates++;
    const struct toy_map *m = find_map(t, va);
    unsigned want = access == MEM_WRITE ? TOY_W : access == MEM_FETCH ? TOY_X : TOY_R;
    if (attr & MEM_UNPRIV)
        want |= TOY_USER;
    if (!m || (m->flags & want) != want) {
        record(cpu, FAULT_WALK, va, access, attr);
        return false;
    }
    *out = (struct translation){
        .page = (m->pa + ((va - m->va) << 8 >> 8)) & PAGE_MASK,
        .log2_size = (uint8_t)m->log2_size,
        .readable = m->flags & TOY_R,
        .writable = m->flags & TOY_W,
        .global = m->flags & TOY_GLOBAL,
        .device = m->flags & TOY_DEVICE,
        .dirty_trap = m->flags & TOY_DIRTY,
    };
    return true;
}

static void raise_fault(struct vcpu *cpu)
{
    struct toy *t = toy_of(cpu);
    t->nr_faults++;
    t->fault.pc = cpu->pc;
    t->fault.icount = cpu->icount;
    cpu->pc = TOY_VECTOR;
}

static void raise_exception(struct vcpu *cpu, uint64_t what)
{
    struct toy *t = toy_of(cpu);
    t->nr_raised++;
    t->raised = what;
    t->raised_pc = cpu->pc;
    t->raised_icount = cpu->icount;
    cpu->pc = TOY_VECTOR;
}

static void interrupt(struct vcpu *cpu)
{
    struct toy *t = toy_of(cpu);
    t->nr_interrupts++;
    cpu->pc = TOY_VECTOR;
}

static void disas(uint32_t insn, uint64_t pc, char *out, size_t size)
{
    snprintf(out, size, "toy %02x %06x at %#" PRIx64, insn >> 24, insn & 0xffffff, pc);
}

static void helper_halt(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                        uint64_t imm)
{
    cpu->halt = VCPU_EXIT_HALT;
}

static void helper_bail(struct vcpu *cpu, void *d, const void *a, const void *b, const void *c,
                        uint64_t imm)
{
    if (!*(const uint64_t *)a)
        return;
    record(cpu, FAULT_WALK, imm, MEM_READ, 0);
    cpu->bail = true;
}

static void emit_halt(struct toy *t, struct ir *ir, uint32_t arg)
{
    ir_call(ir, TOY_HELPER_HALT, IR_NONE, IR_NONE, IR_NONE, IR_NONE, 0);
    ir_exit(ir, (int64_t)ir->cur_off + 4);
}

// The device --------------------------------------------------------------------------------------

static bool dev_access(struct toy *t, gpa_t pa, unsigned size, bool write, uint64_t value)
{
    if (pa - TOY_DEV >= TOY_DEV_SIZE)
        return false;
    assert(t->nr_mmio < ARRAY_SIZE(t->mmio));
    t->mmio[t->nr_mmio++] =
        (struct toy_mmio){.pa = pa, .size = size, .write = write, .value = value};
    return true;
}

static bool dev_read(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t *value)
{
    struct toy *t = opaque;
    *value = t->dev_next & mask64(8 * size);
    t->dev_next += UINT64_C(0x1010101010101010);
    return dev_access(t, pa, size, false, *value);
}

static bool dev_write(void *opaque, unsigned cpu, gpa_t pa, unsigned size, uint64_t value)
{
    return dev_access(opaque, pa, size, true, value);
}

// The machine -------------------------------------------------------------------------------------

static const char *const names[VCPU_NR_R] = {"x0", "x1", "x2", "x3"};

void toy_contexts(struct toy *t)
{
    t->cpu.dctx = tlb_context(&t->cpu, 100);
    t->cpu.uctx = tlb_context(&t->cpu, 101);
    t->cpu.ictx = tlb_context(&t->cpu, 102);
}

static void map_identity(struct toy *t, gpa_t pa, uint64_t size, unsigned flags)
{
    toy_map(t, pa, pa, PAGE_BITS, flags);
    t->maps[t->nr_maps - 1].span = size;
}

struct toy *toy_create(void)
{
    struct toy *t = aligned_alloc(64, ALIGN_UP(sizeof *t, 64));
    assert(t);
    memset(t, 0, sizeof *t);
    t->guest = (struct guest){
        .name = "toy",
        .r_names = names,
        .nr_r = 64,
        .nr_v = VCPU_NR_V,
        .helpers = t->helpers,
        .nr_helpers = TOY_NR_HELPERS,
        .translator_size = sizeof(struct toy_translator),
        .translate_block = translate_block,
        .translate = translate,
        .record_fault = record,
        .raise_fault = raise_fault,
        .raise = raise_exception,
        .interrupt = interrupt,
        .disas = disas,
    };
    t->helpers[TOY_HELPER_HALT] = (struct helper){"halt", helper_halt, 0};
    t->helpers[TOY_HELPER_BAIL] = (struct helper){"bail", helper_bail, HELPER_BAILS};
    t->emit[0] = emit_halt;
    t->guest.hot_r[0] = 3; // slots in any order, some of them twice
    t->guest.hot_r[1] = 1;
    jit_init(&t->jit, &t->guest, &t->log);
    engine_init(&t->jit);
    ((struct toy_translator *)t->jit.ir)->toy = t;
    t->jit.phys = (struct phys_ops){.read = dev_read, .write = dev_write, .opaque = t};
    t->ram = aligned_alloc(PAGE_SIZE, TOY_RAM_SIZE);
    t->rom = aligned_alloc(PAGE_SIZE, TOY_ROM_SIZE);
    assert(t->ram && t->rom);
    memset(t->ram, 0, TOY_RAM_SIZE);
    memset(t->rom, 0, TOY_ROM_SIZE);
    jit_add_ram(&t->jit, TOY_RAM, TOY_RAM_SIZE, t->ram, false);
    jit_add_ram(&t->jit, TOY_ROM, TOY_ROM_SIZE, t->rom, true);
    jit_add_cpu(&t->jit, &t->cpu);
    map_identity(t, TOY_RAM, TOY_RAM_SIZE, TOY_ALL);
    map_identity(t, TOY_ROM, TOY_ROM_SIZE, TOY_ALL);
    map_identity(t, TOY_DEV, TOY_DEV_SIZE + PAGE_SIZE, TOY_ALL | TOY_DEVICE); // and a silent page
    toy_contexts(t);
    return t;
}

void toy_destroy(struct toy *t)
{
    engine_fini(&t->jit);
    free(t->ram);
    free(t->rom);
    free(t);
}

void toy_map(struct toy *t, gva_t va, gpa_t pa, unsigned log2_size, unsigned flags)
{
    assert(t->nr_maps < ARRAY_SIZE(t->maps));
    t->maps[t->nr_maps++] = (struct toy_map){.va = va,
                                             .pa = pa,
                                             .span = BIT(log2_size),
                                             .log2_size = log2_size,
                                             .flags = flags,
                                             .asid = t->asid};
}

void toy_unmap(struct toy *t, gva_t va)
{
    toy_map(t, va & PAGE_MASK, 0, PAGE_BITS, TOY_GLOBAL);
}

void *toy_host(struct toy *t, gpa_t pa)
{
    const struct ram_region *r = jit_region(&t->jit, pa);
    assert(r);
    return r->host + (pa - r->base);
}

void toy_code(struct toy *t, gpa_t pa, const uint32_t *words, unsigned n)
{
    memcpy(toy_host(t, pa), words, n * sizeof *words);
}

uint64_t toy_run(struct toy *t, gva_t pc)
{
    uint64_t before = t->cpu.icount;
    t->cpu.pc = pc;
    exec_run(&t->cpu);
    return t->cpu.icount - before;
}

const uint64_t toy_edges[] = {
    0,
    1,
    2,
    31,
    32,
    63,
    64,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000080000000,
    0xfffffffffffffffe,
    0xffffffffffffffff,
    0x0123456789abcdef,
};
const unsigned toy_nr_edges = ARRAY_SIZE(toy_edges);

uint64_t toy_random(uint64_t *state)
{
    // xorshift64*
    uint64_t x = *state ? *state : 88172645463325252u;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * UINT64_C(2685821657736338717);
}

void toy_pattern(uint8_t *p, unsigned n, unsigned seed)
{
    for (unsigned i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 37 + seed * 11 + 0x81);
}
