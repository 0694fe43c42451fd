// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/debugger_target.h"

#include "jit/debug.h"
#include "machine/debug_mem.h"
#include "machine/debugger_run.h"
#include "machine/kernel.h"
#include "machine/monitor.h"

#include <stdio.h>
#include <string.h>

static size_t reg_size(void *opaque, unsigned reg)
{
    const struct debugger *d = opaque;
    return gdb_regs_size(&d->regs, reg);
}

static bool reg_read(void *opaque, unsigned thread, unsigned reg, uint8_t *value)
{
    struct debugger *d = opaque;
    return gdb_regs_read(&d->regs, d->m->cpus[thread], reg, value);
}

static bool reg_write(void *opaque, unsigned thread, unsigned reg, const uint8_t *value)
{
    struct debugger *d = opaque;
    return gdb_regs_write(&d->regs, d->m->cpus[thread], reg, value);
}

static size_t mem_read(void *opaque, unsigned thread, uint64_t addr, void *bytes, size_t n)
{
    struct debugger *d = opaque;
    return debug_mem_read(d->m, d->m->cpus[thread], addr, d->target.physical, bytes, n);
}

static size_t mem_write(void *opaque, unsigned thread, uint64_t addr, const void *bytes, size_t n)
{
    struct debugger *d = opaque;
    return debug_mem_write(d->m, d->m->cpus[thread], addr, d->target.physical, bytes, n);
}

static bool point(void *opaque, bool set, enum gdb_point kind, uint64_t addr, uint64_t len)
{
    static const unsigned access[] = { [GDB_WATCH_WRITE] = DEBUG_WRITES, [GDB_WATCH_READ] = DEBUG_READS,
                                       [GDB_WATCH_ACCESS] = DEBUG_READS | DEBUG_WRITES };
    struct debugger *d = opaque;
    struct jit *jit = &d->m->jit;
    bool physical = d->target.physical;
    if (kind <= GDB_BREAK_HARDWARE) {
        enum debug_owner owner = kind == GDB_BREAK_SOFTWARE ? DEBUG_BY_SOFTWARE : DEBUG_BY_HARDWARE;
        if (addr & 3)
            return false;
        if (set)
            debug_break_add(jit, addr, physical, owner);
        return set || debug_break_remove(jit, addr, physical, owner);
    }
    if (!len)
        return false;
    if (set)
        debug_watch_add(jit, addr, len, physical, access[kind]);
    return set || debug_watch_remove(jit, addr, len, physical, access[kind]);
}

static void resume(void *opaque, const struct gdb_action *actions)
{
    struct debugger *d = opaque;
    memcpy(d->actions, actions, sizeof d->actions);
    struct gdb_stop s;
    if (debugger_has_met(d, &s)) {
        debugger_report(d, &s);
        return;
    }
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->stepping |= actions[n].verb == GDB_STEP;
    if (!d->stepping)
        debugger_go(d);
}

static void interrupt(void *opaque)
{
    struct debugger *d = opaque;
    struct gdb_stop s = { .thread = d->gdb.stop.thread, .signal = GDB_SIGINT, .point = -1 };
    debugger_stop(d);
    debugger_report(d, &s);
}

void debugger_forget_points(struct debugger *d)
{
    debugger_stop(d);
    d->stepping = false;
    debugger_disarm(d);
    debug_clear(&d->m->jit);
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->m->cpus[n]->v.debug.catches = 0;
}

static void detach(void *opaque)
{
    struct debugger *d = opaque;
    debugger_forget_points(d);
    debugger_go_all(d);
}

static void kill_machine(void *opaque)
{
    struct debugger *d = opaque;
    machine_request(d->m, MACHINE_QUIT);
}

static void monitor(void *opaque, struct gdb *g, unsigned thread, const char *line)
{
    monitor_run(opaque, g, thread, line);
}

static void thread_text(void *opaque, unsigned thread, char *text, size_t size)
{
    const struct debugger *d = opaque;
    const struct a64_cpu *cpu = d->m->cpus[thread];
    if (cpu->off)
        snprintf(text, size, "CPU#%u off", thread);
    else
        snprintf(text, size, "CPU#%u EL%u%s", thread, cpu->el, cpu->daif & PSTATE_I ? ", IRQs masked" : "");
}

static bool offset(void *opaque, uint64_t *value)
{
    const struct debugger *d = opaque;
    return kernel_offset(d->m, d->m->cpus[0], value);
}

struct gdb_target debugger_target(struct debugger *d)
{
    return (struct gdb_target){
        .nr_threads = d->m->nr_cpus,
        .reg_size = reg_size,
        .reg_read = reg_read,
        .reg_write = reg_write,
        .mem_read = mem_read,
        .mem_write = mem_write,
        .point = point,
        .resume = resume,
        .interrupt = interrupt,
        .detach = detach,
        .kill = kill_machine,
        .monitor = monitor,
        .offset = offset,
        .thread_text = thread_text,
        .description = d->regs.description,
        .step_mode = GDB_STEP_ENABLE | GDB_STEP_NOIRQ | GDB_STEP_NOTIMER,
        .opaque = d,
    };
}
