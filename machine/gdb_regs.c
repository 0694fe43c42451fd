// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/gdb_regs.h"

#include "jit/fp_host.h"
#include "machine/gdb.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SP_EL1 = GDB_NR_PLAIN_REGS, SYSTEM }; // numbers

// The board has a say too: a GIC of few priorities has no ICC_AP0R1_EL1.
static bool shown(struct a64_cpu *cpu, const struct sysreg *reg)
{
    uint64_t value;
    return reg->kind != SYSREG_OP && gdb_regs_peek(cpu, reg, &value);
}

// Description ------------------------------------------------------------------------------------

static void describe_core(FILE *f)
{
    // clang-format off
    static const struct { const char *name; unsigned first, last; } fields[] = {
        { "SP", 0, 0 }, { "EL", 2, 3 }, { "nRW", 4, 4 }, { "F", 6, 6 }, { "I", 7, 7 }, { "A", 8, 8 },
        { "D", 9, 9 }, { "SSBS", 12, 12 }, { "IL", 20, 20 }, { "SS", 21, 21 }, { "PAN", 22, 22 },
        { "UAO", 23, 23 }, { "DIT", 24, 24 }, { "V", 28, 28 }, { "C", 29, 29 }, { "Z", 30, 30 }, { "N", 31, 31 },
    };
    // clang-format on
    fputs("<feature name=\"org.gnu.gdb.aarch64.core\">\n<flags id=\"cpsr_flags\" size=\"4\">\n", f);
    for (size_t n = 0; n < ARRAY_SIZE(fields); n++)
        fprintf(f, "<field name=\"%s\" start=\"%u\" end=\"%u\"/>\n", fields[n].name, fields[n].first,
                fields[n].last);
    fputs("</flags>\n", f);
    for (unsigned n = 0; n < 31; n++)
        fprintf(f, "<reg name=\"x%u\" bitsize=\"64\"/>\n", n);
    fputs("<reg name=\"sp\" bitsize=\"64\" type=\"data_ptr\"/>\n"
          "<reg name=\"pc\" bitsize=\"64\" type=\"code_ptr\"/>\n"
          "<reg name=\"cpsr\" bitsize=\"32\" type=\"cpsr_flags\"/>\n</feature>\n", f);
}

static void describe_fpu(FILE *f)
{
    static const struct {
        char size;
        unsigned count;
        const char *ids[3], *types[3];
    } lanes[] = {
        { 'd', 2, { "f", "u", "s" }, { "ieee_double", "uint64", "int64" } },
        { 's', 4, { "f", "u", "s" }, { "ieee_single", "uint32", "int32" } },
        { 'h', 8, { "f", "u", "s" }, { "ieee_half", "uint16", "int16" } },
        { 'b', 16, { "u", "s" }, { "uint8", "int8" } },
        { 'q', 1, { "u", "s" }, { "uint128", "int128" } },
    };
    fputs("<feature name=\"org.gnu.gdb.aarch64.fpu\">\n", f);
    for (size_t l = 0; l < ARRAY_SIZE(lanes); l++) {
        char c = lanes[l].size;
        for (unsigned n = 0; n < 3 && lanes[l].ids[n]; n++)
            fprintf(f, "<vector id=\"v%c%s\" type=\"%s\" count=\"%u\"/>\n", c, lanes[l].ids[n],
                    lanes[l].types[n], lanes[l].count);
        fprintf(f, "<union id=\"vn%c\">\n", c);
        for (unsigned n = 0; n < 3 && lanes[l].ids[n]; n++)
            fprintf(f, "<field name=\"%s\" type=\"v%c%s\"/>\n", lanes[l].ids[n], c, lanes[l].ids[n]);
        fputs("</union>\n", f);
    }
    fputs("<union id=\"aarch64v\">\n", f);
    for (size_t l = 0; l < ARRAY_SIZE(lanes); l++)
        fprintf(f, "<field name=\"%c\" type=\"vn%c\"/>\n", lanes[l].size, lanes[l].size);
    fputs("</union>\n", f);
    for (unsigned n = 0; n < 32; n++)
        fprintf(f, "<reg name=\"v%u\" bitsize=\"128\" type=\"aarch64v\"/>\n", n);
    fputs("<reg name=\"fpsr\" bitsize=\"32\"/>\n<reg name=\"fpcr\" bitsize=\"32\"/>\n</feature>\n", f);
}

static void describe_system(const struct gdb_regs *r, FILE *f)
{
    static const char format[] =
        "<reg name=\"%s\" bitsize=\"64\" type=\"int\" group=\"system\" save-restore=\"no\"/>\n";
    fputs("<feature name=\"org.armlet.system\">\n", f);
    fprintf(f, format, "SP_EL1");
    for (unsigned n = 0; n < r->nr - SYSTEM; n++)
        fprintf(f, format, a64_sysregs[r->rows[n]].name);
    fputs("</feature>\n", f);
}

void gdb_regs_init(struct gdb_regs *r, struct a64_cpu *cpu)
{
    size_t size;
    r->nr = SYSTEM;
    for (unsigned n = 0; n < A64_NR_SYSREGS; n++)
        if (shown(cpu, &a64_sysregs[n]))
            r->rows[r->nr++ - SYSTEM] = (uint16_t)n;
    FILE *f = open_memstream(&r->description, &size);
    assert(f);
    fputs("<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n<target version=\"1.0\">\n"
          "<architecture>aarch64</architecture>\n", f);
    describe_core(f);
    describe_fpu(f);
    describe_system(r, f);
    fputs("</target>\n", f);
    fclose(f);
}

void gdb_regs_fini(struct gdb_regs *r)
{
    free(r->description);
    *r = (struct gdb_regs){ 0 };
}

// System registers -------------------------------------------------------------------------------

const struct sysreg *gdb_regs_find(const struct a64_cpu *cpu, const char *name)
{
    for (unsigned n = 0; n < A64_NR_SYSREGS; n++)
        if (a64_sysregs[n].kind != SYSREG_OP && !strcasecmp(a64_sysregs[n].name, name) &&
            a64_sysreg_exists(&a64_sysregs[n], cpu->lacks))
            return &a64_sysregs[n];
    return NULL;
}

// A hook may have recorded an exception for the guest's instruction, which there is not.
static bool forget_fault(struct a64_cpu *cpu, bool ok)
{
    cpu->v.bail = cpu->exc_recorded = false;
    return ok;
}

bool gdb_regs_peek(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t *value)
{
    if (reg == &a64_sysregs[A64_SYSREG_ICC_IAR0_EL1])
        reg = &a64_sysregs[A64_SYSREG_ICC_HPPIR0_EL1];
    if (reg == &a64_sysregs[A64_SYSREG_ICC_IAR1_EL1])
        reg = &a64_sysregs[A64_SYSREG_ICC_HPPIR1_EL1];
    return forget_fault(cpu, a64_sysreg_get(cpu, reg, value));
}

bool gdb_regs_poke(struct a64_cpu *cpu, const struct sysreg *reg, uint64_t value)
{
    return forget_fault(cpu, a64_sysreg_set(cpu, reg, value));
}

// Values -----------------------------------------------------------------------------------------

size_t gdb_regs_size(const struct gdb_regs *r, unsigned reg)
{
    if (reg >= GDB_REG_V0 && reg < GDB_REG_FPSR)
        return 16;
    if (reg == GDB_REG_CPSR || reg == GDB_REG_FPSR || reg == GDB_REG_FPCR)
        return 4;
    return reg < r->nr ? 8 : 0;
}

static uint64_t *slot(struct a64_cpu *cpu, unsigned reg)
{
    struct vcpu *v = &cpu->v;
    if (reg == GDB_REG_SP)
        return &v->r[cpu->el && cpu->spsel ? A64_SP_EL1 : A64_SP_EL0];
    if (reg == GDB_REG_PC)
        return &v->pc;
    return reg == SP_EL1 ? &v->r[A64_SP_EL1] : &v->r[reg];
}

bool gdb_regs_read(const struct gdb_regs *r, struct a64_cpu *cpu, unsigned reg, uint8_t *value)
{
    size_t size = gdb_regs_size(r, reg);
    uint64_t word;
    if (size == 16) {
        memcpy(value, &cpu->v.v[reg - GDB_REG_V0], 16);
        return true;
    }
    if (reg == GDB_REG_CPSR)
        word = a64_spsr_pack(cpu);
    else if (reg == GDB_REG_FPSR)
        word = cpu->v.fp.fpsr;
    else if (reg == GDB_REG_FPCR)
        word = cpu->v.fp.fpcr;
    else if (size && reg < SYSTEM)
        word = *slot(cpu, reg);
    else if (!size || !gdb_regs_peek(cpu, &a64_sysregs[r->rows[reg - SYSTEM]], &word))
        return false;
    memcpy(value, &word, size);
    return true;
}

// EL0t, EL1t, EL1h are the states there are.
static bool set_cpsr(struct a64_cpu *cpu, uint32_t value)
{
    unsigned mode = value & 0x1f;
    if (mode != 0 && mode != 4 && mode != 5)
        return false;
    cpu->el = mode >> 2;
    cpu->spsel = cpu->el ? mode & 1 : cpu->spsel;
    cpu->v.nzcv = value >> 28;
    cpu->daif = value >> 6 & 15;
    cpu->ssbs = value >> 12 & 1;
    cpu->il = value >> 20 & 1;
    cpu->ss = value >> 21 & 1;
    cpu->pan = value >> 22 & 1;
    cpu->uao = value >> 23 & 1;
    cpu->dit = value >> 24 & 1;
    a64_update_mode(cpu);
    a64_check_interrupts(cpu);
    return true;
}

bool gdb_regs_write(const struct gdb_regs *r, struct a64_cpu *cpu, unsigned reg, const uint8_t *value)
{
    size_t size = gdb_regs_size(r, reg);
    uint64_t word = 0;
    if (!size)
        return false;
    if (size == 16) {
        memcpy(&cpu->v.v[reg - GDB_REG_V0], value, 16);
        return true;
    }
    memcpy(&word, value, size);
    if (reg == GDB_REG_CPSR)
        return set_cpsr(cpu, (uint32_t)word);
    if (reg == GDB_REG_FPSR)
        return gdb_regs_poke(cpu, &a64_sysregs[A64_SYSREG_FPSR], word);
    if (reg == GDB_REG_FPCR)
        return gdb_regs_poke(cpu, &a64_sysregs[A64_SYSREG_FPCR], word);
    if (reg >= SYSTEM)
        return gdb_regs_poke(cpu, &a64_sysregs[r->rows[reg - SYSTEM]], word);
    *slot(cpu, reg) = word;
    return true;
}
