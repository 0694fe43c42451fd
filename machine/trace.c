// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/trace.h"

#include "devices/char/say.h"
#include "frontend/sysreg.h"
#include "jit/debug.h"
#include "jit/tb.h"
#include "machine/kernel.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

// The run that a CPU is in.
struct run {
    gva_t start, next, last; // of this run; where it would go on; start of the one before
    uint64_t insns;
    uint32_t insn;           // the latest
    uint8_t kind, el;
};

struct trace {
    struct machine *m;
    FILE *file;        // or NULL
    struct mutex lock; // of the file
    struct run runs[JIT_MAX_CPUS];
    bool on;
};

// The file -----------------------------------------------------------------------------------------

static void put_varint(FILE *f, uint64_t v)
{
    for (; v > 127; v >>= 7)
        putc((int)(v & 127) | 128, f);
    putc((int)v, f);
}

static uint64_t zigzag(int64_t v)
{
    return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static void end_run(struct trace *t, unsigned cpu)
{
    struct run *r = &t->runs[cpu];
    if (!r->insns)
        return;
    mutex_lock(&t->lock);
    putc(r->kind | r->el << 3 | (int)(cpu < 15 ? cpu : 15) << 4, t->file);
    if (cpu >= 15)
        put_varint(t->file, cpu - 15);
    put_varint(t->file, zigzag((int64_t)(r->start - r->last) / 4));
    put_varint(t->file, r->insns);
    mutex_unlock(&t->lock);
    r->last = r->start;
    r->insns = 0;
}

// How did the guest come to pc?
static enum trace_kind kind_of(const struct a64_cpu *cpu, const struct run *r, gva_t pc)
{
    if ((r->insn & 0xfc000000) == 0x94000000 || (r->insn & 0xfffffc1f) == 0xd63f0000)
        return TRACE_CALL;
    if ((r->insn & 0xfffffc1f) == 0xd65f0000)
        return TRACE_RETURN;
    if (r->insn == 0xd69f03e0)
        return TRACE_ERET;
    return pc - cpu->v.r[A64_VBAR_EL1] < 0x800 && !(pc & 0x7f) ? TRACE_EXCEPTION : TRACE_JUMP;
}

static void record(struct trace *t, const struct a64_cpu *cpu, gva_t pc, uint32_t insn)
{
    struct run *r = &t->runs[cpu->v.index];
    // At the vectors even if they follow what was before.
    if (!r->insns || pc != r->next || cpu->el != r->el) {
        end_run(t, cpu->v.index);
        r->kind = (uint8_t)kind_of(cpu, r, pc);
        r->start = pc;
        r->el = cpu->el;
    }
    r->insns++;
    r->next = pc + 4;
    r->insn = insn;
}

// Text -------------------------------------------------------------------------------------------

static void log_exec(const struct trace *t, const struct a64_cpu *cpu, gva_t pc, uint32_t insn)
{
    char text[128], name[160];
    cpu->v.guest->disas(insn, pc, text, sizeof text);
    if (t->m->symbols)
        kernel_name(t->m, cpu, pc, name, sizeof name);
    log_printf(&t->m->log, LOG_EXEC, "exec %u EL%u %016" PRIx64 "  %08x  %s%s%s\n", cpu->v.index, cpu->el, pc, insn, text,
               t->m->symbols ? "  // " : "", t->m->symbols ? name : "");
}

static void log_cpu(const struct trace *t, const struct a64_cpu *cpu, gva_t pc)
{
    char text[32 * 24 + 64];
    int n = 0;
    for (unsigned i = 0; i < 31; i++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%sx%u=%" PRIx64, i % 8 ? " " : "\n  ", i, cpu->v.r[i]);
    log_printf(&t->m->log, LOG_CPU, "cpu %u EL%u pc=%" PRIx64 " sp=%" PRIx64 " pstate=%" PRIx64 "%s\n", cpu->v.index, cpu->el, pc,
               cpu->v.r[cpu->el && cpu->spsel ? A64_SP_EL1 : A64_SP_EL0], a64_spsr_pack(cpu), text);
}

// The code is in the page that the instruction TLB has, since it is about to run.
static bool insn_at(const struct vcpu *v, gva_t pc, uint32_t *insn)
{
    const struct itlb_entry *e = &v->itlb[pc >> PAGE_BITS & (ITLB_SIZE - 1)];
    if (e->tag != ((pc & PAGE_MASK) | v->ictx))
        return false;
    memcpy(insn, e->page->host + (pc & ~PAGE_MASK), sizeof *insn);
    return true;
}

static void insn(void *opaque, struct vcpu *v, gva_t pc)
{
    struct trace *t = opaque;
    const struct a64_cpu *cpu = a64(v);
    uint32_t word;
    if (!log_wants(&t->m->log, pc, cpu->el) || !insn_at(v, pc, &word))
        return;
    if (log_enabled(&t->m->log, LOG_EXEC))
        log_exec(t, cpu, pc, word);
    if (log_enabled(&t->m->log, LOG_CPU))
        log_cpu(t, cpu, pc);
    if (t->file)
        record(t, cpu, pc, word);
}

static bool wants(void *opaque, gva_t page)
{
    const struct trace *t = opaque;
    return log_wants_any(&t->m->log, page, PAGE_SIZE);
}

// ------------------------------------------------------------------------------------------------

void trace_switch(struct trace *t, bool on)
{
    struct debug_tracer tracer = { .wants = wants, .insn = insn, .opaque = t };
    t->on = on;
    debug_set_tracer(&t->m->jit, on ? &tracer : NULL);
    for (unsigned n = 0; !on && t->file && n < t->m->nr_cpus; n++)
        end_run(t, n);
}

bool trace_is_on(const struct trace *t)
{
    return t->on;
}

bool trace_has_aim(const struct trace *t)
{
    return t->file || t->m->log.mask & (LOG_EXEC | LOG_CPU);
}

struct trace *trace_create(struct machine *m, struct error *err)
{
    static const char magic[] = "ARMLETTRACE1\n";
    struct trace *t = calloc(1, sizeof *t);
    assert(t);
    t->m = m;
    mutex_init(&t->lock);
    const char *path = m->config->trace_file;
    if (path && !(t->file = fopen(path, "wbe"))) {
        error_set(err, "%s: %s", path, strerror(errno));
        trace_destroy(t);
        return NULL;
    }
    if (t->file)
        fwrite(magic, sizeof magic - 1, 1, t->file);
    if (trace_has_aim(t))
        trace_switch(t, true);
    return t;
}

void trace_destroy(struct trace *t)
{
    uint64_t offset;
    if (!t)
        return;
    for (unsigned n = 0; t->file && n < t->m->nr_cpus; n++)
        end_run(t, n);
    if (t->file && kernel_offset(t->m, t->m->cpus[0], &offset)) {
        putc(TRACE_OFFSET, t->file);
        put_varint(t->file, zigzag((int64_t)offset >> 16));
    }
    bool whole = !t->file || !ferror(t->file);
    if ((t->file && fclose(t->file)) || !whole)
        say("%s: not whole: %s", t->m->config->trace_file, strerror(whole ? errno : EIO));
    mutex_fini(&t->lock);
    free(t);
}
