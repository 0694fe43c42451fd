// SPDX-License-Identifier: GPL-3.0-or-later
// The monitor's `info`: CPUs, registers, TLB, memory map, interrupts, counters.
#include "jit/tlb.h"
#include "machine/monitor.h"
#include "machine/virt.h"

#include <inttypes.h>
#include <string.h>

static void cpus(struct monitor *m)
{
    const struct machine *machine = m->d->m;
    for (unsigned n = 0; n < machine->nr_cpus; n++) {
        const struct a64_cpu *cpu = machine->cpus[n];
        fprintf(m->out, "%c CPU#%u: %spc 0x%016" PRIx64 " EL%u, lines%s%s, %" PRIu64 " instructions\n",
                cpu == m->cpu ? '*' : ' ', n, cpu->off ? "off, " : "", cpu->v.pc, cpu->el,
                cpu->irq_lines & A64_LINE_IRQ ? " IRQ" : "",
                cpu->irq_lines & A64_LINE_FIQ ? " FIQ" : cpu->irq_lines ? "" : " none", cpu->v.icount);
    }
}

static void registers(struct monitor *m)
{
    struct a64_cpu *cpu = m->cpu;
    const uint64_t *r = cpu->v.r;
    for (unsigned n = 0; n < 31; n++)
        fprintf(m->out, "X%02u=%016" PRIx64 "%s", n, r[n], n % 4 == 3 ? "\n" : " ");
    fprintf(m->out, "PC =%016" PRIx64 "\n", cpu->v.pc);
    fprintf(m->out, "SP_EL0=%016" PRIx64 " SP_EL1=%016" PRIx64 " PSTATE=%08" PRIx64 " EL%u%c %c%c%c%c DAIF=%x\n",
            r[A64_SP_EL0], r[A64_SP_EL1], a64_spsr_pack(cpu), cpu->el, cpu->el && cpu->spsel ? 'h' : 't',
            cpu->v.nzcv & NZCV_N ? 'N' : '-', cpu->v.nzcv & NZCV_Z ? 'Z' : '-',
            cpu->v.nzcv & NZCV_C ? 'C' : '-', cpu->v.nzcv & NZCV_V ? 'V' : '-', cpu->daif);
    for (unsigned n = 0; n < 32; n++)
        fprintf(m->out, "V%02u=%016" PRIx64 "%016" PRIx64 "%s", n, cpu->v.v[n].u64[1], cpu->v.v[n].u64[0],
                n & 1 ? "\n" : " ");
    unsigned column = 0;
    for (unsigned n = 0; n < A64_NR_SYSREGS; n++) {
        const struct sysreg *reg = &a64_sysregs[n];
        uint64_t value;
        if (reg->kind != SYSREG_OP && gdb_regs_peek(cpu, reg, &value))
            fprintf(m->out, "%-18s %016" PRIx64 "%s", reg->name, value, column++ % 3 == 2 ? "\n" : "  ");
    }
    fprintf(m->out, "\n");
}

static void tlb_table(struct monitor *m, const struct tlb_entry *e, const struct tlb_meta *meta, char what)
{
    const struct vcpu *v = &m->cpu->v;
    const struct jit *jit = &m->d->m->jit;
    for (unsigned n = 0; n < TLB_SIZE; n++) {
        if (e[n].tag == TLB_TAG_EMPTY || (e[n].tag & ~PAGE_MASK) >= v->nr_ctx)
            continue;
        gva_t va = e[n].tag & PAGE_MASK;
        const uint8_t *host = (const uint8_t *)(uintptr_t)(va + e[n].addend);
        for (unsigned r = 0; r < jit->nr_regions; r++)
            if (host >= jit->regions[r].host && host < jit->regions[r].host + jit->regions[r].size)
                fprintf(m->out, "%c %016" PRIx64 " -> %010" PRIx64 " context %u, of 2^%u bytes\n", what, va,
                        jit->regions[r].base + (uint64_t)(host - jit->regions[r].host),
                        (unsigned)(e[n].tag & ~PAGE_MASK), meta[n].log2_size);
    }
}

static void tlb(struct monitor *m)
{
    const struct vcpu *v = &m->cpu->v;
    fprintf(m->out, "contexts: data %" PRIu64 ", unprivileged %" PRIu64 ", fetch %" PRIu64 " of %u\n",
            v->dctx, v->uctx, v->ictx, v->nr_ctx);
    tlb_table(m, v->rtlb, v->rmeta, 'r');
    tlb_table(m, v->wtlb, v->wmeta, 'w');
}

static void mtree(struct monitor *m)
{
    const struct bus *bus = &m->d->m->bus;
    for (size_t n = 0; n < bus->count; n++) {
        const struct bus_region *r = &bus->regions[n];
        fprintf(m->out, "%016" PRIx64 "-%016" PRIx64 " %s\n", r->base, r->base + r->size - 1,
                r->dev ? r->dev->name : r->readonly ? "ROM" : "RAM");
    }
}

static uint32_t gic_word(struct monitor *m, gpa_t at)
{
    const struct phys_ops *phys = &m->d->m->jit.phys;
    uint64_t v = 0;
    phys->read(phys->opaque, m->cpu->v.index, at, 4, &v);
    return (uint32_t)v;
}

// 32 interrupts, by the registers that the guest would read.
static unsigned irq_word(struct monitor *m, gpa_t base, unsigned first)
{
    enum { ISENABLER = 0x100, ISPENDR = 0x200, ISACTIVER = 0x300, IPRIORITYR = 0x400 };
    unsigned at = first / 8;
    uint32_t enabled = gic_word(m, base + ISENABLER + at), pending = gic_word(m, base + ISPENDR + at);
    uint32_t active = gic_word(m, base + ISACTIVER + at);
    unsigned shown = 0;
    for (unsigned n = 0; n < 32; n++) {
        if (!((enabled | pending | active) >> n & 1))
            continue;
        uint32_t priorities = gic_word(m, base + IPRIORITYR + ((first + n) & ~3u));
        fprintf(m->out, "INTID %3u priority %3u%s%s%s\n", first + n, priorities >> 8 * (n & 3) & 255,
                enabled >> n & 1 ? " enabled" : "", pending >> n & 1 ? " pending" : "",
                active >> n & 1 ? " active" : "");
        shown++;
    }
    return shown;
}

static void irq(struct monitor *m)
{
    enum { SGI_BASE = 0x10000, REDIST_SIZE = 0x20000, TYPER = 4 };
    gpa_t redist = VIRT_GIC_REDIST_BASE + (gpa_t)REDIST_SIZE * m->cpu->v.index;
    unsigned words = (gic_word(m, VIRT_GIC_DIST_BASE + TYPER) & 31) + 1;
    bool v2 = m->d->m->config->machine.gic_version == 2;
    unsigned shown = irq_word(m, v2 ? VIRT_GIC_DIST_BASE : redist + SGI_BASE, 0);
    for (unsigned n = 1; n < words; n++)
        shown += irq_word(m, VIRT_GIC_DIST_BASE, 32 * n);
    if (!shown)
        fprintf(m->out, "no interrupt is enabled, pending or active\n");
}

static void stats(struct monitor *m)
{
    static const struct { const char *name, *help; } rows[] = {
#define STAT(name, help) { #name, help },
#include "jit/stats.def"
#undef STAT
    };
    const uint64_t *values = (const uint64_t *)&m->cpu->v.stats;
    fprintf(m->out, "%-18s %14" PRIu64 "  guest instructions\n", "instructions", m->cpu->v.icount);
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        fprintf(m->out, "%-18s %14" PRIu64 "  %s\n", rows[n].name, values[n], rows[n].help);
}

void monitor_info(struct monitor *m, const char *arg)
{
    static const struct {
        const char *name;
        void (*show)(struct monitor *m);
    } rows[] = { { "cpus", cpus }, { "registers", registers }, { "tlb", tlb },
                 { "mtree", mtree }, { "irq", irq }, { "stats", stats } };
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        if (!strcmp(rows[n].name, arg)) {
            rows[n].show(m);
            return;
        }
    fprintf(m->out, "info cpus|registers|tlb|mtree|irq|stats\n");
}
