// SPDX-License-Identifier: GPL-3.0-or-later
// PL031 real-time clock, Arm DDI 0224. The counter is guest time in whole seconds plus an offset
// that writing RTCLR moves; RTCMR matches once a count, at its beginning. RTCCR reads as one
// (started) and cannot stop it.
#include "devices/pl031.h"
#include "base/bits.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <stdlib.h>

#define STATE_VERSION 1
#define WINDOW        0x1000
#define SECOND        INT64_C(1000000000)

enum { // offsets
    DR = 0x00,
    MR = 0x04,
    LR = 0x08,
    CR = 0x0c,
    IMSC = 0x10,
    RIS = 0x14,
    MIS = 0x18,
    ICR = 0x1c,
    ID0 = 0xfe0,
};

struct pl031_state {
    uint32_t offset; // counter = offset + seconds of guest time
    uint32_t match, load, imsc, ris;
};

struct pl031 {
    struct device dev;
    struct pl031_state s;
    struct irq_line irq;
    struct clock_timer timer;
    int64_t epoch;
};

static uint32_t counter(const struct pl031 *p)
{
    return p->s.offset + (uint32_t)(clock_now(p->timer.clock) / SECOND);
}

static void update(struct pl031 *p)
{
    irq_set(&p->irq, p->s.ris & p->s.imsc);
}

// Sleeps until the counter becomes the match value, at least a second from now.
static void arm(struct pl031 *p)
{
    uint32_t seconds = p->s.match - counter(p);
    int64_t wait = seconds ? seconds : INT64_C(1) << 32;
    timer_arm(&p->timer, (clock_now(p->timer.clock) / SECOND + wait) * SECOND);
}

static void matched(void *opaque)
{
    struct pl031 *p = opaque;
    p->s.ris = 1;
    update(p);
    arm(p);
}

static uint64_t pl031_read(void *opaque, uint64_t offset, unsigned size)
{
    static const uint8_t ids[8] = {0x31, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1};
    struct pl031 *p = opaque;
    if (offset >= ID0)
        return offset & 3 ? 0 : ids[(offset - ID0) >> 2];
    switch (offset) {
    case DR:
        return counter(p);
    case MR:
        return p->s.match;
    case LR:
        return p->s.load;
    case CR:
        return 1;
    case IMSC:
        return p->s.imsc;
    case RIS:
        return p->s.ris;
    case MIS:
        return p->s.ris & p->s.imsc;
    default:
        return 0;
    }
}

static void pl031_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl031 *p = opaque;
    switch (offset) {
    case MR:
        p->s.match = (uint32_t)value;
        if (p->s.match == counter(p))
            p->s.ris = 1;
        arm(p);
        break;
    case LR:
        p->s.load = (uint32_t)value;
        p->s.offset += p->s.load - counter(p);
        arm(p);
        break;
    case IMSC:
        p->s.imsc = value & 1;
        break;
    case ICR:
        p->s.ris &= ~(uint32_t)value;
        break;
    default:
        break;
    }
    update(p);
}

static void pl031_reset(void *opaque)
{
    struct pl031 *p = opaque;
    p->s = (struct pl031_state){.offset = (uint32_t)p->epoch};
    arm(p);
    update(p);
}

static void pl031_save(void *opaque, struct state_writer *w)
{
    struct pl031 *p = opaque;
    state_put(w, p->dev.name, STATE_VERSION, &p->s, sizeof p->s);
}

static bool pl031_load(void *opaque, struct state_reader *r, struct error *err)
{
    struct pl031 *p = opaque;
    struct pl031_state s;
    if (!state_get(r, p->dev.name, STATE_VERSION, &s, sizeof s, err))
        return false;
    if (s.imsc > 1 || s.ris > 1)
        return error_set(err, "saved state: section \"%s\" is damaged", p->dev.name);
    p->s = s;
    arm(p);
    update(p);
    return true;
}

static int pl031_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    static const char compatible[] = "arm,pl031\0arm,primecell";
    int e =
        fdt_node_begin(fdt, "pl031", place, WINDOW, compatible, sizeof compatible, FDT_IRQ_LEVEL);
    e = e ? e : fdt_node_apb_clock(fdt, place);
    return e ? e : fdt_end_node(fdt);
}

static void pl031_destroy(void *opaque)
{
    struct pl031 *p = opaque;
    timer_disarm(&p->timer);
    free(p);
}

struct device *pl031_create(const char *name, struct clock *clock, struct irq_line irq,
                            int64_t epoch)
{
    static const struct device_ops ops = {
        .read = pl031_read,
        .write = pl031_write,
        .access_min = 1,
        .access_max = 4,
        .reset = pl031_reset,
        .save = pl031_save,
        .load = pl031_load,
        .fdt_node = pl031_fdt_node,
        .destroy = pl031_destroy,
    };
    struct pl031 *p = calloc(1, sizeof *p);
    assert(p);
    device_init(&p->dev, &ops, p, WINDOW, name);
    p->irq = irq;
    p->epoch = epoch;
    timer_init(&p->timer, clock, matched, p);
    pl031_reset(p);
    return &p->dev;
}
