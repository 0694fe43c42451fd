// SPDX-License-Identifier: GPL-3.0-or-later
// The GIC's inside, shared by gic.c, gic_dist.c, gic_redist.c, gic_cpu.c and gicv2.c.
//
// Interrupts are bit arrays, 32 INTIDs a word. Word 0 of the distributor's arrays (SGIs and PPIs)
// is unused: with affinity routing those live in the redistributors. An interrupt is pending when
// its latch is set, or when it is level-sensitive and its wire is up. Whoever changes anything
// that decides what is signalled calls gic_update_*() before returning.
#ifndef DEVICES_GIC_STATE_H
#define DEVICES_GIC_STATE_H

#include "base/bits.h"
#include "devices/gic.h"

#define GIC_WORDS     (GIC_INTIDS / 32)
#define GIC_PRIO_MASK 0xf8u // 5 bits
#define GIC_PRIO_IDLE 0xffu
#define GIC_SPURIOUS  1023u
#define GIC_MIN_BPR0  2u
#define GIC_MIN_BPR1  3u

#define GICD_CTLR_ENABLE_GRP0 1u
#define GICD_CTLR_ENABLE_GRP1 2u
#define GICD_CTLR_ARE         0x10u
#define GICD_CTLR_DS          0x40u

#define GICR_WAKER_PROCESSOR_SLEEP 2u
#define GICR_WAKER_CHILDREN_ASLEEP 4u

#define GIC_IIDR        0x43bu // implementer Arm
#define GIC_ROUTER_IRM  BIT(31)
#define GIC_ROUTER_MASK (UINT64_C(0xff00ffffff) | GIC_ROUTER_IRM)

#define ICC_CTLR_CBPR    1u
#define ICC_CTLR_EOIMODE 2u
// Bits of GICv2's GICC_CTLR that ICC_CTLR_EL1 does not have, kept beside those that it has.
#define GICV2_CTLR_ACK_CTL 0x100u
#define GICV2_CTLR_FIQ_EN  0x200u

// The state of 32 interrupts.
struct gic_bank {
    uint32_t group; // 1: group 1
    uint32_t enabled;
    uint32_t latch; // made pending by an edge or by a write
    uint32_t active;
    uint32_t edge;  // edge-triggered
    uint32_t level; // of the wires
};

struct gic_dist_state {
    uint32_t ctlr; // the two enables
    uint32_t reserved;
    uint64_t router[GIC_INTIDS]; // GICv2: the list of targets, a bit a CPU
    struct gic_bank bank[GIC_WORDS];
    uint8_t prio[GIC_INTIDS];
};

struct gic_cpu_state { // redistributor and CPU interface of one CPU
    struct gic_bank bank;
    uint32_t waker;
    uint8_t prio[32];
    uint32_t pmr, ctlr;
    uint32_t bpr[2], apr[2], igrpen[2]; // by group
    uint8_t
        sgi_from[16]; // GICv2: who has sent it, a bit a CPU; the bank's latch is set if anybody has
};

// What a CPU would be given next; not saved, follows from the state.
struct gic_best {
    uint32_t intid; // GIC_SPURIOUS: nothing
    uint8_t prio, group;
};

struct gic_cpu {
    struct gic_cpu_state s;
    struct gic_best best;
    bool irq, fiq; // as last told
};

struct gic {
    struct device dist, redist; // GICv2: the second is the CPU interface
    struct gic_config config;
    unsigned cpus;
    struct gic_dist_state d;
    struct gic_cpu *cpu;
};

static inline uint32_t gic_bank_pending(const struct gic_bank *b)
{
    return b->latch | (b->level & ~b->edge);
}

// The bank and priority of an interrupt as CPU `cpu` sees it; intid < GIC_INTIDS.
static inline struct gic_bank *gic_bank(struct gic *g, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &g->cpu[cpu].s.bank : &g->d.bank[intid / 32];
}

static inline uint8_t *gic_prio(struct gic *g, unsigned cpu, unsigned intid)
{
    return intid < 32 ? &g->cpu[cpu].s.prio[intid] : &g->d.prio[intid];
}

// A bit a CPU of a GICv2.
static inline unsigned gicv2_cpu_mask(const struct gic *g)
{
    return (1u << g->cpus) - 1;
}

void gic_update_cpu(struct gic *g, unsigned cpu);
void gic_update_all(struct gic *g);
// The interrupt's state has changed: updates whoever it is routed to.
void gic_update_intid(struct gic *g, unsigned cpu, unsigned intid);

// Registers that a distributor and a redistributor have alike: 32 interrupts a word. Offsets
// are those of the frame (0x80 .. 0x3ff and 0xc00). `word` is 0 in a redistributor. Returns false
// when the offset is none of them.
bool gic_bank_read(const struct gic_bank *b, unsigned offset, uint32_t *value);
bool gic_bank_write(struct gic_bank *b, unsigned offset, uint32_t value);
// ICFGR: two bits an interrupt, 16 in a word; half is 0 or 1.
uint32_t gic_bank_config(const struct gic_bank *b, unsigned half);
void gic_bank_set_config(struct gic_bank *b, unsigned half, uint32_t value);
// 0xffd0 .. 0xffff of every frame.
uint32_t gic_id_register(unsigned offset, uint8_t part);

uint64_t gic_dist_read(void *opaque, uint64_t offset, unsigned size);
void gic_dist_write(void *opaque, uint64_t offset, unsigned size, uint64_t value);
uint64_t gic_redist_read(void *opaque, uint64_t offset, unsigned size);
void gic_redist_write(void *opaque, uint64_t offset, unsigned size, uint64_t value);

uint64_t gicv2_dist_read(void *opaque, uint64_t offset, unsigned size);
void gicv2_dist_write(void *opaque, uint64_t offset, unsigned size, uint64_t value);
uint64_t gicv2_cpu_read(void *opaque, uint64_t offset, unsigned size);
void gicv2_cpu_write(void *opaque, uint64_t offset, unsigned size, uint64_t value);

// Whether what is best for the CPU may interrupt what it does now (gic_cpu.c).
bool gic_cpu_signals(const struct gic_cpu *c);

#endif
