// SPDX-License-Identifier: GPL-3.0-or-later
// The monitor's commands about where the guest is to stop: turns of its course, physical addresses.
#include "jit/debug.h"
#include "machine/kernel.h"
#include "machine/monitor.h"

#include <string.h>
#include <strings.h>

static void catch_turns(struct monitor *m, unsigned turns, bool once)
{
    struct machine *machine = m->d->m;
    for (unsigned n = 0; n < machine->nr_cpus; n++) {
        struct vcpu_debug *v = &machine->cpus[n]->v.debug;
        v->once = (uint8_t)(once ? v->once | (turns & ~(unsigned)v->catches) : v->once & ~turns);
        v->catches |= (uint8_t)turns;
    }
}

// A breakpoint for the next stop alone. A kernel that has not yet found its place is met by the
// physical address.
static bool until(struct monitor *m, const char *arg)
{
    struct debugger *d = m->d;
    struct jit *jit = &d->m->jit;
    uint64_t pc;
    bool physical = false;
    if (!monitor_address(m, arg, &pc) && !(physical = kernel_physical(d->m, arg, &pc)))
        return false;
    if (pc & 3)
        return false;
    if (d->until_is_set)
        debug_break_remove(jit, d->until, d->until_physical, DEBUG_BY_MONITOR);
    debug_break_add(jit, pc, physical, DEBUG_BY_MONITOR);
    d->until = pc;
    d->until_physical = physical;
    return d->until_is_set = true;
}

void monitor_cont_until(struct monitor *m, const char *arg)
{
    if (!strcasecmp(arg, "el0")) {
        catch_turns(m, DEBUG_CATCH_DOWN, true);
    } else if (!strcasecmp(arg, "el1")) {
        catch_turns(m, DEBUG_CATCH_UP, true);
    } else if (!until(m, arg)) {
        fprintf(m->out, "cont-until EL0|EL1|PC|SYMBOL\n");
        return;
    }
    fprintf(m->out, "the next `continue` runs until then\n");
}

void monitor_break_on(struct monitor *m, const char *arg)
{
    char what[32];
    const char *rest = monitor_split(arg, what, sizeof what);
    uint64_t nr = DEBUG_ANY_SVC;
    bool svc = !strcmp(what, "svc") && (!*rest || monitor_number(rest, &nr));
    unsigned turns = svc ? DEBUG_CATCH_SVC
                     : !strcmp(what, "exception") ? DEBUG_CATCH_SYNC
                     : !strcmp(what, "irq") ? DEBUG_CATCH_IRQ
                     : !strcmp(what, "el-change") ? DEBUG_CATCH_UP | DEBUG_CATCH_DOWN : 0;
    struct machine *machine = m->d->m;
    for (unsigned n = 0; n < machine->nr_cpus; n++) {
        if (svc)
            machine->cpus[n]->v.debug.svc = nr;
        if (!strcmp(what, "off"))
            machine->cpus[n]->v.debug.catches = 0;
    }
    if (turns && (svc || !*rest))
        catch_turns(m, turns, false);
    else if (strcmp(arg, "off"))
        fprintf(m->out, "break-on exception|irq|svc [NUMBER]|el-change|off\n");
}

void monitor_break_physical(struct monitor *m, const char *arg)
{
    uint64_t pa;
    if (monitor_number(arg, &pa) && !(pa & 3))
        debug_break_add(&m->d->m->jit, pa, true, DEBUG_BY_MONITOR);
    else
        fprintf(m->out, "break-phys ADDR\n");
}

void monitor_delete_physical(struct monitor *m, const char *arg)
{
    uint64_t pa;
    if (!monitor_number(arg, &pa) || !debug_break_remove(&m->d->m->jit, pa, true, DEBUG_BY_MONITOR))
        fprintf(m->out, "there is no physical breakpoint at %s\n", arg);
}

void monitor_step_irq(struct monitor *m, const char *arg)
{
    struct gdb_target *t = &m->d->target;
    if (!strcmp(arg, "on"))
        t->step_mode &= ~(unsigned)GDB_STEP_NOIRQ;
    else if (!strcmp(arg, "off"))
        t->step_mode |= GDB_STEP_NOIRQ;
    else
        fprintf(m->out, "a step %s interrupts\n", t->step_mode & GDB_STEP_NOIRQ ? "does not take" : "takes");
}
