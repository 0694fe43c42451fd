// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/icount.h"

#include "jit/exec.h"

#include <assert.h>

#define YEAR (INT64_C(366) * 24 * 3600 * 1000000000)

static void step(struct machine *m, int64_t ns)
{
    mutex_lock(&m->lock);
    clock_step(&m->clock, ns);
    mutex_unlock(&m->lock);
}

// Lets time pass until an interrupt line is up. False: that will not happen.
static bool wait_for_line(struct machine *m)
{
    while (!m->cpus[0]->irq_lines) {
        int64_t now = clock_now(&m->clock), deadline = clock_deadline(&m->clock);
        if (deadline == CLOCK_NEVER || deadline > now + YEAR)
            return false;
        step(m, deadline > now ? deadline - now : 0);
    }
    return true;
}

enum icount_stop icount_run(struct machine *m, uint64_t icount)
{
    struct vcpu *v = &m->cpus[0]->v;
    bool progress = true;
    assert(m->clock.manual && m->nr_cpus == 1);
    while (v->icount < icount) {
        uint64_t before = v->icount, tick = (before / ICOUNT_QUANTUM + 1) * ICOUNT_QUANTUM;
        enum vcpu_exit why = exec_run_until(v, tick < icount ? tick : icount);
        if (v->icount == tick)
            step(m, ICOUNT_QUANTUM);
        if (m->request != MACHINE_GO_ON)
            return ICOUNT_REQUEST;
        if (why == VCPU_EXIT_HALT && !wait_for_line(m))
            return ICOUNT_IDLE;
        // One stop without progress may be an old request of somebody's.
        if (v->icount == before && !progress)
            return ICOUNT_STUCK;
        progress = v->icount != before;
    }
    return ICOUNT_REACHED;
}
