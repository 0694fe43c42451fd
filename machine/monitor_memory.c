// SPDX-License-Identifier: GPL-3.0-or-later
// The monitor's commands about memory: where addresses lead, what is there, and the stack.
#include "jit/tlb.h"
#include "machine/backtrace.h"
#include "machine/debug_mem.h"
#include "machine/kernel.h"
#include "machine/monitor.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

void monitor_translate(struct monitor *m, const char *arg)
{
    char address[32];
    const char *as = monitor_split(arg, address, sizeof address);
    uint64_t va;
    gpa_t pa;
    bool el0 = !strcasecmp(as, "as el0"), el1 = !*as || !strcasecmp(as, "as el1");
    if (!monitor_address(m, address, &va) || (!el0 && !el1)) {
        fprintf(m->out, "translate ADDR [as el0|el1]\n");
        return;
    }
    struct a64_walk w;
    bool ok = a64_walk(m->cpu, va, MEM_READ, el0 ? 0 : WALK_EL1, &w);
    if (!debug_mem_translate(m->cpu, va, false, &pa)) {
        fprintf(m->out, "%#" PRIx64 ": not mapped (fault status %#x)\n", va, w.fsc);
        return;
    }
    const struct ram_region *r = jit_region(&m->d->m->jit, pa);
    fprintf(m->out, "%#" PRIx64 " -> %#" PRIx64 " %s, 2^%u bytes", va, pa, r ? "RAM" : "device", w.log2_size);
    if (ok)
        fprintf(m->out, ", as EL%d %c%c%c, %s, MAIR %#x\n", !el0, w.read ? 'r' : '-', w.write ? 'w' : '-',
                w.exec ? 'x' : '-', w.global ? "global" : "not global", w.attr);
    else
        fprintf(m->out, ", EL%d may not read it (fault status %#x)\n", !el0, w.fsc);
}

void monitor_xp(struct monitor *m, const char *arg)
{
    uint64_t pa, words = 4;
    char address[32];
    const char *count = monitor_split(arg, address, sizeof address);
    if (!monitor_number(address, &pa) || (*count && !monitor_number(count, &words)) || words > 4096) {
        fprintf(m->out, "xp ADDR [WORDS]: physical memory, in words of 4 bytes\n");
        return;
    }
    for (uint64_t n = 0; n < words; n++, pa += 4) {
        uint32_t word;
        if (debug_mem_read(m->d->m, m->cpu, pa, true, &word, sizeof word) != sizeof word) {
            fprintf(m->out, "%s%#" PRIx64 ": nothing answers\n", n & 3 ? "\n" : "", pa);
            return;
        }
        if (!(n & 3))
            fprintf(m->out, "%016" PRIx64 ":", pa);
        fprintf(m->out, " %08x%s", word, (n & 3) == 3 || n + 1 == words ? "\n" : "");
    }
}

void monitor_physical(struct monitor *m, const char *arg)
{
    struct gdb_target *t = &m->d->target;
    if (!strcmp(arg, "on") || !strcmp(arg, "off"))
        t->physical = !strcmp(arg, "on");
    else
        fprintf(m->out, "GDB's addresses are %s\n", t->physical ? "physical" : "virtual");
}

void monitor_bt(struct monitor *m, const char *arg)
{
    struct backtrace_frame frames[BACKTRACE_MAX];
    if (m->d->m->nr_cpus > 1) // `info threads` has left another one selected than GDB shows
        fprintf(m->out, "CPU#%u%s\n", m->cpu->v.index, m->cpu->off ? " is off" : "");
    if (m->cpu->off)
        return;
    unsigned nr = backtrace(m->d->m, m->cpu, frames);
    for (unsigned n = 0; n < nr; n++) {
        const struct backtrace_frame *f = &frames[n];
        char name[160] = "";
        if (!f->user && m->d->m->symbols)
            kernel_name(m->d->m, m->cpu, f->pc, name, sizeof name);
        if (f->interrupted)
            fprintf(m->out, "    exception from EL%d\n", !f->user);
        fprintf(m->out, "#%-2u 0x%016" PRIx64 " %s\n", n, f->pc, f->user ? "(program)" : name);
    }
}
