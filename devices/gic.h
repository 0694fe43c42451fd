// SPDX-License-Identifier: GPL-3.0-or-later
// GICv3: distributor, redistributors and the CPU interface's system registers. Also GICv2.
//
// Arm IHI 0069, as QEMU's virt board has it without EL3: one security state (GICD_CTLR.DS = 1,
// ARE = 1, both fixed), two groups, 5 priority bits, no LPIs, 16 CPUs to an Aff1 cluster. Group 1
// is signalled as IRQ, group 0 as FIQ. Everything is called under the machine lock; the outputs
// are called back under it, only when one of the two levels has changed.
//
// Or GICv2 (Arm IHI 0048), with a memory-mapped CPU interface instead of redistributors and system
// registers, for up to 8 CPUs. Group 0 is signalled as IRQ there, unless FIQs are asked for.
#ifndef DEVICES_GIC_H
#define DEVICES_GIC_H

#include "base/log.h"
#include "devices/device.h"
#include "devices/irq.h"

#include <stdbool.h>

#define GIC_SPIS        256
#define GIC_INTIDS      (32 + GIC_SPIS)
#define GIC_MAX_CPUS    123     // what fits the virt map's redistributor window
#define GICV2_MAX_CPUS  8       // bits of a target list
#define GIC_REDIST_SIZE 0x20000 // bytes of register window a CPU

struct gic;

// The EL1 CPU interface registers. With 5 priority bits ICC_AP[01]R[123]_EL1 are UNDEFINED.
enum gic_icc_reg {
    GIC_ICC_PMR,
    GIC_ICC_IAR0,
    GIC_ICC_EOIR0,
    GIC_ICC_HPPIR0,
    GIC_ICC_BPR0,
    GIC_ICC_AP0R0,
    GIC_ICC_AP1R0,
    GIC_ICC_DIR,
    GIC_ICC_RPR,
    GIC_ICC_SGI1R,
    GIC_ICC_ASGI1R,
    GIC_ICC_SGI0R,
    GIC_ICC_IAR1,
    GIC_ICC_EOIR1,
    GIC_ICC_HPPIR1,
    GIC_ICC_BPR1,
    GIC_ICC_CTLR,
    GIC_ICC_SRE,
    GIC_ICC_IGRPEN0,
    GIC_ICC_IGRPEN1,
    GIC_ICC_COUNT
};

struct gic_config {
    unsigned version; // 2 or 3; 0: 3
    unsigned cpus;    // 1 .. GIC_MAX_CPUS; GICv2: 1 .. GICV2_MAX_CPUS
    // The levels at CPU `cpu`'s interrupt inputs.
    void (*cpu_irq)(void *opaque, unsigned cpu, bool irq, bool fiq);
    // GICv2 with several CPUs: whose access of a register it is that is being made.
    unsigned (*accessor)(void *opaque);
    void *opaque;
    const struct log *log;
};

struct gic *gic_create(const struct gic_config *config);
void gic_destroy(struct gic *gic);

// The distributor's window (64 KiB) and the redistributors' (GIC_REDIST_SIZE a CPU, contiguous).
// Owned by the gic. The distributor's reset, save and load are those of the whole GIC.
struct device *gic_dist(struct gic *gic);
struct device *gic_redist(struct gic *gic);
// GICv2: the CPU interface's window, instead of the redistributors'.
struct device *gic_cpu_interface(struct gic *gic);

// Wires into the GIC: spi in 0..GIC_SPIS-1, ppi in 0..15 (INTID - 16).
struct irq_line gic_spi_line(struct gic *gic, unsigned spi);
struct irq_line gic_ppi_line(struct gic *gic, unsigned cpu, unsigned ppi);

// MPIDR_EL1's affinity fields for a CPU (Aff0 = cpu % 16, Aff1 = cpu / 16), without bit 31.
uint64_t gic_affinity(unsigned cpu);

// System-register accesses by CPU `cpu`, already allowed by its exception level. Reading IARn
// acknowledges. Write-only registers read as 0, writes to read-only ones do nothing.
uint64_t gic_icc_read(struct gic *gic, unsigned cpu, enum gic_icc_reg reg);
void gic_icc_write(struct gic *gic, unsigned cpu, enum gic_icc_reg reg, uint64_t value);

// Resets one CPU's interface only (PSCI CPU_ON of a CPU that was off). The redistributor stays.
void gic_cpu_reset(struct gic *gic, unsigned cpu);

// The interrupt-controller node; second is where the redistributors or the CPU interface are.
// children (may be NULL) writes what belongs inside. Returns 0 or a libfdt error.
int gic_fdt_node(const struct gic *gic, void *fdt, gpa_t dist, gpa_t second, uint32_t phandle,
                 int (*children)(void *opaque, void *fdt), void *opaque);

#endif
