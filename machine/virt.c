// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/virt.h"

#include "devices/block/block.h"
#include "devices/gic.h"
#include "devices/gtimer.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/rng.h"
#include "machine/device_types.h"
#include "machine/devtree.h"

#include <libfdt.h>
#include <stdlib.h>
#include <time.h>

#define GICD_BASE     0x08000000
#define GICR_BASE     0x080a0000
#define UART_BASE     0x09000000
#define RTC_BASE      0x09010000
#define GPIO_BASE     0x09030000
#define VIRTIO_BASE   0x0a000000
#define VIRTIO_STRIDE 0x200
#define VIRTIO_SLOTS  32
#define VIRTIO_SPI    16

const char virt_stdout_path[] = "/pl011@9000000";

struct virt {
    struct gic *gic;
    struct gtimer *timer;
    struct device *uart, *rtc, *gpio;
    struct device *virtio[VIRTIO_SLOTS];
};

// The table of devices with a window and one interrupt of their own, beside virtio's slots.

struct row {
    gpa_t base;
    int spi;
    struct device *(*create)(struct machine *m, struct irq_line irq);
    size_t member; // of struct virt
};

static struct device *create_uart(struct machine *m, struct irq_line irq)
{
    const struct machine_config *c = m->config;
    struct chardev *back = c->serial_count && c->serials[0] >= 0 ? m->chardevs[c->serials[0]] : NULL;
    return pl011_create("pl011", &m->clock, irq, back, &m->log);
}

static struct device *create_rtc(struct machine *m, struct irq_line irq)
{
    return pl031_create("pl031", &m->clock, irq, (int64_t)time(NULL));
}

static struct device *create_gpio(struct machine *m, struct irq_line irq)
{
    static const struct irq_line none[8];
    return pl061_create("pl061", irq, none, &m->log);
}

static const struct row rows[] = {
    { UART_BASE, 1, create_uart, offsetof(struct virt, uart) },
    { RTC_BASE, 2, create_rtc, offsetof(struct virt, rtc) },
    { GPIO_BASE, 7, create_gpio, offsetof(struct virt, gpio) },
};

static struct device **member(struct virt *v, const struct row *r)
{
    return (struct device **)(void *)((char *)v + r->member);
}

// virtio -----------------------------------------------------------------------------------------

static struct virtio *create_blk(struct machine *m, const struct config_device *d, struct error *err)
{
    const struct config_drive *drive = d->backend;
    // A snapshot never writes to the image: it need not be writable, and others may use it.
    struct block *block = raw_open(drive->file, drive->readonly || drive->snapshot, err);
    if (block && drive->snapshot)
        block = overlay_open(block, err);
    if (!block)
        return NULL;
    struct virtio_blk_config config = { .block = block, .serial = d->serial,
                                        .write_cache = drive->cache != CONFIG_CACHE_WRITETHROUGH };
    return virtio_blk_create(&config);
}

static bool create_virtio(struct machine *m, struct error *err)
{
    const struct machine_config *c = m->config;
    for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++) {
        // The first -device lands on the highest slot.
        size_t n = VIRTIO_SLOTS - 1 - slot;
        struct virtio *v = NULL;
        if (n < c->device_count) {
            const struct config_device *d = &c->devices[n];
            v = d->type == DEVICE_VIRTIO_RNG ? virtio_rng_create(NULL, NULL) : create_blk(m, d, err);
            if (!v)
                return false;
        }
        char name[16];
        snprintf(name, sizeof name, "virtio-mmio.%u", slot);
        struct device *dev = virtio_mmio_create(name, &m->bus, &m->clock, gic_spi_line(m->virt->gic, VIRTIO_SPI + slot),
                                                c->virtio_legacy, v, &m->log);
        m->virt->virtio[slot] = dev;
        if (!bus_map(&m->bus, VIRTIO_BASE + slot * VIRTIO_STRIDE, dev, err))
            return false;
    }
    return true;
}

// What the CPUs reach without an address ----------------------------------------------------------

static void cpu_irq(void *opaque, unsigned cpu, bool irq, bool fiq)
{
    struct machine *m = opaque;
    vcpu_thread_set_lines(&m->threads[cpu], (irq ? A64_LINE_IRQ : 0) | (fiq ? A64_LINE_FIQ : 0));
}

static int icc_reg(unsigned reg)
{
    static const struct { uint8_t crn, crm, op2, reg; } map[] = {
        { 4, 6, 0, GIC_ICC_PMR }, { 12, 8, 0, GIC_ICC_IAR0 }, { 12, 8, 1, GIC_ICC_EOIR0 }, { 12, 8, 2, GIC_ICC_HPPIR0 }, { 12, 8, 3, GIC_ICC_BPR0 },
        { 12, 8, 4, GIC_ICC_AP0R0 }, { 12, 9, 0, GIC_ICC_AP1R0 }, { 12, 11, 1, GIC_ICC_DIR }, { 12, 11, 3, GIC_ICC_RPR },
        { 12, 11, 5, GIC_ICC_SGI1R }, { 12, 11, 6, GIC_ICC_ASGI1R }, { 12, 11, 7, GIC_ICC_SGI0R },
        { 12, 12, 0, GIC_ICC_IAR1 }, { 12, 12, 1, GIC_ICC_EOIR1 }, { 12, 12, 2, GIC_ICC_HPPIR1 },
        { 12, 12, 3, GIC_ICC_BPR1 }, { 12, 12, 4, GIC_ICC_CTLR }, { 12, 12, 5, GIC_ICC_SRE },
        { 12, 12, 6, GIC_ICC_IGRPEN0 }, { 12, 12, 7, GIC_ICC_IGRPEN1 },
    };
    for (size_t n = 0; n < ARRAY_SIZE(map); n++)
        if (reg == a64_sysreg_id(3, 0, map[n].crn, map[n].crm, map[n].op2))
            return map[n].reg;
    return -1;
}

static bool board_icc_read(void *opaque, unsigned cpu, unsigned reg, uint64_t *value)
{
    struct machine *m = opaque;
    int r = icc_reg(reg);
    if (r < 0)
        return false;
    mutex_lock(&m->lock);
    *value = gic_icc_read(m->virt->gic, cpu, (enum gic_icc_reg)r);
    mutex_unlock(&m->lock);
    return true;
}

static bool board_icc_write(void *opaque, unsigned cpu, unsigned reg, uint64_t value)
{
    struct machine *m = opaque;
    int r = icc_reg(reg);
    if (r < 0)
        return false;
    mutex_lock(&m->lock);
    gic_icc_write(m->virt->gic, cpu, (enum gic_icc_reg)r, value);
    mutex_unlock(&m->lock);
    return true;
}

// The CPU's numbers for timers and their registers are the device's.
_Static_assert((int)A64_TIMER_PHYS == (int)GTIMER_PHYS && (int)A64_TIMER_VIRT == (int)GTIMER_VIRT, "timers");
_Static_assert((int)A64_TIMER_CTL == (int)GTIMER_CTL && (int)A64_TIMER_CVAL == (int)GTIMER_CVAL &&
                   (int)A64_TIMER_TVAL == (int)GTIMER_TVAL, "timer registers");

static uint64_t board_timer_read(void *opaque, unsigned cpu, unsigned which, unsigned reg)
{
    struct machine *m = opaque;
    mutex_lock(&m->lock);
    uint64_t v = gtimer_read(m->virt->timer, cpu, which, reg);
    mutex_unlock(&m->lock);
    return v;
}

static void board_timer_write(void *opaque, unsigned cpu, unsigned which, unsigned reg, uint64_t value)
{
    struct machine *m = opaque;
    mutex_lock(&m->lock);
    gtimer_write(m->virt->timer, cpu, which, reg, value);
    mutex_unlock(&m->lock);
}

// Read all day (clock_gettime), and by design without a lock.
static uint64_t board_counter(void *opaque, unsigned cpu, unsigned which)
{
    struct machine *m = opaque;
    return which == A64_TIMER_VIRT ? gtimer_vcount(m->virt->timer, cpu) : gtimer_count(m->virt->timer);
}

static void board_off(void *opaque)
{
    machine_request(opaque, MACHINE_POWER_OFF);
}

static void board_reset(void *opaque)
{
    machine_request(opaque, MACHINE_RESET);
}

// One CPU, which is on: whoever is asked for is on already or not there.
static int64_t board_cpu_on(void *opaque, uint64_t mpidr, uint64_t entry, uint64_t context)
{
    enum { INVALID_PARAMETERS = -2, ALREADY_ON = -4 };
    const struct machine *m = opaque;
    for (unsigned n = 0; n < m->nr_cpus; n++)
        if (gic_affinity(n) == mpidr)
            return ALREADY_ON;
    return INVALID_PARAMETERS;
}

static void board_cpu_off(void *opaque, unsigned cpu)
{
    board_off(opaque); // the last one
}

static int64_t board_affinity_info(void *opaque, uint64_t mpidr, uint64_t level)
{
    enum { ON = 0, INVALID_PARAMETERS = -2 };
    const struct machine *m = opaque;
    for (unsigned n = 0; n < m->nr_cpus; n++)
        if (gic_affinity(n) == mpidr && level == 0)
            return ON;
    return INVALID_PARAMETERS;
}

// The board ---------------------------------------------------------------------------------------

static bool create_gic_and_timer(struct machine *m, struct error *err)
{
    struct virt *v = m->virt;
    v->gic = gic_create(&(struct gic_config){ .cpus = m->nr_cpus, .cpu_irq = cpu_irq, .opaque = m, .log = &m->log });
    struct irq_line lines[JIT_MAX_CPUS * GTIMER_TIMERS];
    static const unsigned ppis[GTIMER_TIMERS] = { GTIMER_PPI_PHYS, GTIMER_PPI_VIRT, GTIMER_PPI_HYP };
    for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
        for (unsigned id = 0; id < GTIMER_TIMERS; id++)
            lines[cpu * GTIMER_TIMERS + id] = gic_ppi_line(v->gic, cpu, ppis[id]);
    v->timer = gtimer_create(&m->clock, m->nr_cpus, lines);
    return bus_map(&m->bus, GICD_BASE, gic_dist(v->gic), err) &&
           bus_map(&m->bus, GICR_BASE, gic_redist(v->gic), err);
}

bool virt_init(struct machine *m, struct error *err)
{
    struct virt *v = m->virt = calloc(1, sizeof *v);
    assert(v);
    m->board = (struct a64_board){
        .opaque = m, .icc_read = board_icc_read, .icc_write = board_icc_write,
        .timer_read = board_timer_read, .timer_write = board_timer_write, .counter = board_counter,
        .system_off = board_off, .system_reset = board_reset, .cpu_on = board_cpu_on,
        .cpu_off = board_cpu_off, .affinity_info = board_affinity_info,
    };
    if (!create_gic_and_timer(m, err))
        return false;
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++) {
        struct device *dev = rows[n].create(m, gic_spi_line(v->gic, (unsigned)rows[n].spi));
        *member(v, &rows[n]) = dev;
        if (!bus_map(&m->bus, rows[n].base, dev, err))
            return false;
    }
    return create_virtio(m, err);
}

void virt_fini(struct machine *m)
{
    struct virt *v = m->virt;
    if (!v)
        return;
    for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++)
        device_destroy(v->virtio[slot]);
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        device_destroy(*member(v, &rows[n]));
    gtimer_destroy(v->timer);
    gic_destroy(v->gic);
    free(v);
    m->virt = NULL;
}

void virt_reset(struct machine *m)
{
    struct virt *v = m->virt;
    for (unsigned slot = 0; slot < VIRTIO_SLOTS; slot++)
        device_reset(v->virtio[slot]);
    for (size_t n = 0; n < ARRAY_SIZE(rows); n++)
        device_reset(*member(v, &rows[n]));
    gtimer_reset(v->timer);
    device_reset(gic_dist(v->gic));
}

static int device_node(struct device *dev, void *fdt, gpa_t base, int spi)
{
    if (!dev->ops->fdt_node)
        return 0;
    struct fdt_place place = { .base = base, .spi = spi, .clock_phandle = DEVTREE_PHANDLE_CLOCK };
    if (base == GPIO_BASE)
        place.phandle = DEVTREE_PHANDLE_GPIO;
    return dev->ops->fdt_node(dev->opaque, fdt, &place);
}

int virt_fdt_nodes(void *opaque, void *fdt)
{
    struct machine *m = opaque;
    struct virt *v = m->virt;
    int e = gic_fdt_node(v->gic, fdt, GICD_BASE, GICR_BASE, DEVTREE_PHANDLE_GIC);
    e = e ? e : gtimer_fdt_node(fdt);
    for (size_t n = 0; !e && n < ARRAY_SIZE(rows); n++)
        e = device_node(*member(v, &rows[n]), fdt, rows[n].base, rows[n].spi);
    for (unsigned slot = 0; !e && slot < VIRTIO_SLOTS; slot++)
        e = device_node(v->virtio[slot], fdt, VIRTIO_BASE + slot * VIRTIO_STRIDE, VIRTIO_SPI + (int)slot);
    return e;
}
