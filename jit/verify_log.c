// SPDX-License-Identifier: GPL-3.0-or-later
// The log of a verified run: what the region did, and what the interpreter is told.
//
// In VERIFY_RECORD an access is made as always, under the real contexts, and written down. In
// VERIFY_REPLAY nothing is made: loads get what they got, stores are compared. Accesses that fail
// are not in the log: their instruction bails out and is not among those that are replayed.
//
// In a shadow run (verify_shadow.c) only what comes from outside is logged; accesses are made to
// copies of the pages.
#include "jit/verify_run.h"

#include "jit/region_slow.h"
#include "jit/tlb.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// The log asks the region to leave at its next backward edge.
#define LOG_FULL 8192

void verify_begin(struct vcpu *cpu, struct verify_run *run, enum verify_phase phase)
{
    run->phase = phase;
    run->next = 0;
    run->landed = false;
    run->rmw = NULL;
    run->what = NULL;
    run->dctx = cpu->dctx;
    run->uctx = cpu->uctx;
    verify_resume(cpu, run);
    if (run->in_shadow)
        verify_shadow_begin(run);
}

void verify_resume(struct vcpu *cpu, struct verify_run *run)
{
    cpu->dctx = cpu->uctx = TLB_CTX_VERIFY;
    cpu->verify = run;
}

void verify_end(struct vcpu *cpu)
{
    struct verify_run *run = cpu->verify;
    cpu->dctx = run->dctx;
    cpu->uctx = run->uctx;
    cpu->verify = NULL;
}

void verify_set_contexts(struct vcpu *cpu, uint32_t dctx, uint32_t uctx)
{
    cpu->verify->dctx = dctx;
    cpu->verify->uctx = uctx;
}

// For the time of one real access.
static struct verify_run *lift(struct vcpu *cpu)
{
    struct verify_run *run = cpu->verify;
    verify_end(cpu);
    return run;
}

static void differ(struct vcpu *cpu, const char *what, unsigned at, const struct verify_event *seen)
{
    struct verify_run *run = cpu->verify;
    if (run->what)
        return;
    run->what = what;
    run->at = at;
    if (seen)
        run->seen = *seen;
}

void verify_settle(struct vcpu *cpu)
{
    struct verify_run *run = cpu->verify;
    if (run->landed) {
        const struct verify_event *e = &run->events[run->nr - 1];
        struct verify_event seen = *e;
        memcpy(seen.data, run->landing, sizeof seen.data);
        if (memcmp(run->landing, run->told, e->size))
            differ(cpu, "the region stores something else than it told the slow path", run->nr - 1, &seen);
    }
    if (run->rmw && run->phase == VERIFY_RECORD) {
        struct verify_event *e = &run->events[run->nr - 1];
        memcpy(e->after, run->rmw, e->size);
    } else if (run->rmw) {
        const struct verify_event *e = &run->events[run->next - 1];
        struct verify_event seen = *e;
        memcpy(seen.after, run->scratch, sizeof seen.after);
        if (memcmp(run->scratch, e->after, e->size))
            differ(cpu, "an atomic access leaves another value", run->next - 1, &seen);
    }
    run->landed = false;
    run->rmw = NULL;
}

static struct verify_event *append(struct vcpu *cpu, enum verify_kind kind, uint64_t addr, unsigned size,
                                   unsigned attr)
{
    struct verify_run *run = cpu->verify;
    if (run->nr == run->size) {
        run->size = run->size ? 2 * run->size : 1024;
        run->events = realloc(run->events, run->size * sizeof *run->events);
        assert(run->events);
    }
    if (run->nr >= LOG_FULL)
        vcpu_kick(cpu, EXIT_REQ_BLOCK);
    struct verify_event *e = &run->events[run->nr++];
    *e = (struct verify_event){ .kind = (uint8_t)kind, .size = (uint16_t)size, .attr = attr, .addr = addr };
    return e;
}

// The replay's next event, which must be this one. NULL: it is not, and that is noted.
static const struct verify_event *expect(struct vcpu *cpu, enum verify_kind kind, uint64_t addr,
                                         unsigned size, unsigned attr, const void *stored)
{
    struct verify_run *run = cpu->verify;
    const struct verify_event *e = &run->events[run->next];
    struct verify_event seen = { .kind = (uint8_t)kind, .size = (uint16_t)size, .attr = attr, .addr = addr };
    if (stored)
        memcpy(seen.data, stored, size);
    if (run->what)
        return NULL;
    if (run->next == run->nr)
        differ(cpu, "the interpreter makes an access that the region did not make", run->next, &seen);
    else if (e->kind != kind || e->addr != addr || e->size != size)
        differ(cpu, "another access", run->next, &seen);
    else if (stored && memcmp(e->data, seen.data, sizeof seen.data))
        differ(cpu, "another value is stored", run->next, &seen);
    if (run->what)
        return NULL;
    run->next++;
    return e;
}

bool verify_access(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, void *data, bool write)
{
    enum verify_kind kind = write ? VERIFY_STORE : VERIFY_LOAD;
    assert(size <= sizeof(((struct verify_event *)NULL)->data));
    verify_settle(cpu);
    if (cpu->verify->in_shadow) {
        void *at = verify_shadow_at(cpu, va, size, write ? MEM_WRITE : MEM_READ, attr);
        if (at)
            memcpy(write ? at : data, write ? data : at, size);
        return at;
    }
    if (cpu->verify->phase == VERIFY_REPLAY) {
        const struct verify_event *e = expect(cpu, kind, va, size, attr, write ? data : NULL);
        if (e && !write)
            memcpy(data, e->data, size);
        return e;
    }
    struct verify_run *run = lift(cpu);
    bool ok = write ? mem_store(cpu, va, size, attr, data) : mem_load(cpu, va, size, attr, data);
    verify_resume(cpu, run);
    if (ok)
        memcpy(append(cpu, kind, va, size, attr)->data, data, size);
    return ok;
}

bool verify_probe(struct vcpu *cpu, gva_t va, unsigned size, enum mem_access access, unsigned attr)
{
    verify_settle(cpu);
    if (cpu->verify->in_shadow)
        return verify_shadow_at(cpu, va, size, access, attr);
    if (cpu->verify->phase == VERIFY_REPLAY)
        return expect(cpu, VERIFY_PROBE, va, size, attr, NULL);
    struct verify_run *run = lift(cpu);
    bool ok = mem_probe(cpu, va, size, access, attr);
    verify_resume(cpu, run);
    if (ok)
        append(cpu, VERIFY_PROBE, va, size, attr);
    return ok;
}

void *verify_rmw(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, bool reads)
{
    verify_settle(cpu);
    struct verify_run *run = cpu->verify;
    if (run->in_shadow) {
        void *at = va & (size - 1) ? NULL : verify_shadow_at(cpu, va, size, MEM_WRITE, attr);
        return reads && at ? verify_shadow_at(cpu, va, size, MEM_READ, attr) : at;
    }
    if (run->phase == VERIFY_REPLAY) {
        const struct verify_event *e = expect(cpu, VERIFY_RMW, va, size, attr, NULL);
        if (!e)
            return NULL;
        memcpy(run->scratch, e->data, sizeof run->scratch);
        return run->rmw = run->scratch;
    }
    lift(cpu);
    void *p = mem_rmw(cpu, va, size, attr, reads);
    verify_resume(cpu, run);
    if (p)
        memcpy(append(cpu, VERIFY_RMW, va, size, attr)->data, p, size);
    return run->rmw = p;
}

// A compiled region's own access (region_slow.h has the contract). In a logged run it is never to be
// remembered, so that the next one comes here as well, and made here: what the region then reads or
// writes is ours.
uint64_t verify_slow_access(struct vcpu *cpu, gva_t va, unsigned size, unsigned attr, bool store,
                            uint64_t out[2])
{
    struct verify_run *run = cpu->verify;
    verify_settle(cpu);
    if (run->in_shadow) {
        void *at = verify_shadow_at(cpu, va, size, store ? MEM_WRITE : MEM_READ, attr);
        out[0] = va & PAGE_MASK;
        out[1] = !at;
        return (uint64_t)(uintptr_t)at;
    }
    out[0] = cpu->no_page;
    memset(run->landing, 0, sizeof run->landing);
    memcpy(run->told, cpu->xfer, sizeof run->told);
    out[1] = !verify_access(cpu, va, size, attr, store ? run->told : run->landing, store);
    run->landed = store && !out[1];
    return (uint64_t)(uintptr_t)run->landing;
}

bool verify_outside(struct vcpu *cpu, unsigned what, uint64_t arg, uint64_t *value)
{
    if (!cpu->verify || cpu->verify->phase == VERIFY_RECORD)
        return false;
    verify_settle(cpu);
    const struct verify_event *e = expect(cpu, VERIFY_OUTSIDE, arg, what, 0, NULL);
    *value = e ? e->data[0] : 0;
    return true;
}

void verify_outside_done(struct vcpu *cpu, unsigned what, uint64_t arg, uint64_t value)
{
    if (!cpu->verify)
        return;
    verify_settle(cpu);
    append(cpu, VERIFY_OUTSIDE, arg, what, 0)->data[0] = value;
}
