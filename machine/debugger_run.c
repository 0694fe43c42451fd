// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/debugger_run.h"

#include "jit/debug.h"
#include "jit/exec.h"

// Steps that are made before the descriptors are looked at again.
#define STEPS_AT_ONCE 256

static void ask_all(struct machine *m)
{
    for (unsigned n = 0; n < m->nr_cpus; n++)
        vcpu_thread_ask_stop(&m->threads[n]);
}

// In the thread of a vCPU that has met something.
static void left(void *opaque)
{
    struct machine *m = opaque;
    ask_all(m);
    machine_wake(m);
}

static bool has_left(const struct vcpu_thread *t)
{
    return t->running && __atomic_load_n(&t->debug, __ATOMIC_ACQUIRE);
}

static bool any_has_left(const struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        if (has_left(&d->m->threads[n]))
            return true;
    return false;
}

// The i-th behind the one whose stop was told of last: who comes first at a breakpoint that all come to
// changes from stop to stop.
static unsigned next_cpu(const struct debugger *d, unsigned i)
{
    return (d->gdb.stop.thread + i) % d->m->nr_cpus;
}

void debugger_run_init(struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++) {
        d->actions[n] = (struct gdb_action){ GDB_CONTINUE };
        d->m->threads[n].left = left;
        d->m->threads[n].opaque = d->m;
    }
}

void debugger_go(struct debugger *d)
{
    struct machine *m = d->m;
    debug_settle(&m->jit);
    clock_start(&m->clock);
    for (unsigned i = 1; i <= m->nr_cpus; i++) {
        unsigned n = next_cpu(d, i);
        if (d->actions[n].verb == GDB_CONTINUE)
            vcpu_thread_start(&m->threads[n]);
    }
    d->stopped = d->held = false;
    d->met = 0;
    if (any_has_left(d)) // before the last of them was started, which has not heard of it
        ask_all(m);
}

void debugger_go_all(struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        d->actions[n] = (struct gdb_action){ GDB_CONTINUE };
    debugger_go(d);
}

void debugger_stop(struct debugger *d)
{
    struct machine *m = d->m;
    if (d->stopped)
        return;
    ask_all(m);
    for (unsigned n = 0; n < m->nr_cpus; n++) {
        bool ran = m->threads[n].running;
        vcpu_thread_stop(&m->threads[n]);
        if (ran && m->threads[n].debug)
            d->met |= UINT64_C(1) << n;
    }
    clock_stop(&m->clock);
    d->stopped = true;
}

// Stops ------------------------------------------------------------------------------------------

void debugger_disarm(struct debugger *d)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++) {
        struct vcpu_debug *v = &d->m->cpus[n]->v.debug;
        v->catches &= (uint8_t)~v->once;
    }
    if (d->until_is_set)
        debug_break_remove(&d->m->jit, d->until, d->until_physical, DEBUG_BY_MONITOR);
    d->until_is_set = false;
}

void debugger_report(struct debugger *d, const struct gdb_stop *s)
{
    d->stepping = false;
    debugger_disarm(d);
    gdb_stopped(&d->gdb, s);
}

// What a vCPU that left for the debugger met.
static struct gdb_stop reason(const struct debugger *d, unsigned thread)
{
    const struct vcpu_debug *v = &d->m->cpus[thread]->v.debug;
    struct gdb_stop s = { .thread = thread, .signal = GDB_SIGTRAP, .point = -1, .addr = v->addr };
    if (v->why == DEBUG_BREAK && v->what & DEBUG_BY_SOFTWARE)
        s.point = GDB_BREAK_SOFTWARE;
    else if (v->why == DEBUG_BREAK && v->what & DEBUG_BY_HARDWARE)
        s.point = GDB_BREAK_HARDWARE;
    else if (v->why == DEBUG_WATCH)
        s.point = v->what == DEBUG_WRITES ? GDB_WATCH_WRITE
                : v->what == DEBUG_READS  ? GDB_WATCH_READ : GDB_WATCH_ACCESS;
    return s;
}

// A turn of the guest has been taken and does not come again, unless nobody waits for it any more.
static bool comes_again(const struct debugger *d, unsigned thread)
{
    const struct vcpu_debug *v = &d->m->cpus[thread]->v.debug;
    return v->why != DEBUG_CATCH || !v->catches;
}

static bool take_met(struct debugger *d, struct gdb_stop *s)
{
    for (unsigned i = 1; i <= d->m->nr_cpus; i++) {
        unsigned n = next_cpu(d, i);
        if (!(d->met >> n & 1))
            continue;
        d->met &= ~(UINT64_C(1) << n);
        *s = reason(d, n);
        return true;
    }
    return false;
}

bool debugger_has_met(struct debugger *d, struct gdb_stop *s)
{
    if (!d->stopped) {
        if (!any_has_left(d))
            return false;
        debugger_stop(d);
        return take_met(d, s);
    }
    // What is left of the last stop.
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        if (comes_again(d, n))
            d->met &= ~(UINT64_C(1) << n);
    return take_met(d, s);
}

// Steps ------------------------------------------------------------------------------------------

// One step of a thread's action. True: there is something to report.
static bool step_once(struct debugger *d, unsigned thread, struct gdb_stop *s)
{
    struct a64_cpu *cpu = d->m->cpus[thread];
    struct vcpu *v = &cpu->v;
    const struct gdb_action *a = &d->actions[thread];
    *s = (struct gdb_stop){ .thread = thread, .signal = GDB_SIGTRAP, .point = -1 };
    if (__atomic_load_n(&cpu->off, __ATOMIC_ACQUIRE))
        return true; // it has no next instruction
    enum vcpu_exit why = exec_step(v, !(d->target.step_mode & GDB_STEP_NOIRQ));
    if (why == VCPU_EXIT_STOP)
        return false; // an old request; again
    if (why == VCPU_EXIT_OFF)
        __atomic_store_n(&cpu->off, true, __ATOMIC_RELEASE);
    if (why == VCPU_EXIT_DEBUG) {
        *s = reason(d, thread);
        return true;
    }
    if (v->pc - a->start >= a->end - a->start)
        return true;
    unsigned owners = debug_breaks_at(v, v->pc);
    if (owners)
        s->point = owners & DEBUG_BY_SOFTWARE ? GDB_BREAK_SOFTWARE : GDB_BREAK_HARDWARE;
    return owners;
}

static int requested(const struct debugger *d)
{
    return __atomic_load_n(&d->m->request, __ATOMIC_SEQ_CST);
}

// A step of each that is to make some.
static bool step_round(struct debugger *d, struct gdb_stop *s)
{
    for (unsigned n = 0; n < d->m->nr_cpus; n++)
        if (d->actions[n].verb == GDB_STEP && step_once(d, n, s))
            return true;
    return false;
}

// Threads that are to go on run meanwhile.
bool debugger_step(struct debugger *d, struct gdb_stop *s)
{
    bool done = false;
    debugger_go(d);
    for (unsigned n = 0; n < STEPS_AT_ONCE && !done && requested(d) == MACHINE_GO_ON && !any_has_left(d); n++)
        done = step_round(d, s);
    debugger_stop(d);
    if (requested(d) != MACHINE_GO_ON) {
        d->stepping = false;
        d->restarted = requested(d) == MACHINE_RESET;
        return false;
    }
    return done || take_met(d, s);
}
