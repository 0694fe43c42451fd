// SPDX-License-Identifier: GPL-3.0-or-later
// The virt board. Addresses, sizes and interrupt numbers are QEMU's (promised to guests only for
// RAM; firmware and bare-metal suites hard-code more). What is not listed here does not answer.
#include "machine/virt.h"

#include "base/bits.h"
#include "devices/fw_cfg.h"
#include "devices/gic.h"
#include "devices/gpio_key.h"
#include "devices/gicv2m.h"
#include "devices/gtimer.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/virtio/mmio.h"
#include "machine/board_cpu.h"
#include "machine/devtree.h"
#include "machine/displays.h"
#include "machine/flash.h"
#include "machine/virtio_slots.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    GIC_CPU_BASE = 0x08010000,   // GICv2
    GIC_V2M_BASE = 0x08020000,   // GICv2
    V2M_SPI = 48,
    V2M_SPIS = 64,
    MAX_SLOTS = 64,
    NO_SPI = -1,
    POWER_KEY_LINE = 3, // of the PL061, as the gpio-keys node says
};

_Static_assert((int)CONFIG_MAX_DEVICES == VIRTIO_SLOTS, "one slot a -device");

const char virt_stdout_path[] = "/pl011@9000000";

// A register window on the bus, and what its node in the tree says.
struct slot {
    struct device *dev;
    struct fdt_place place;
};

struct virt {
    struct device *gpio;
    struct device *v2m; // GICv2
    struct gic *gic;
    struct gtimer *gtimer;
    struct gpio_key power_key;
    struct slot slots[MAX_SLOTS];
    size_t slot_count;
    struct board_cpu board_cpu;
    struct flash flash[CONFIG_FLASH_BANKS];
};

struct row {
    const char *name;
    gpa_t base;
    uint64_t stride;  // between the windows of a row with several
    unsigned count;
    int spi;          // of the first; the others follow; or NO_SPI
    uint32_t phandle;
    struct device *(*create)(struct machine *m, const char *name, unsigned n, struct irq_line irq,
                             struct error *err);
    bool (*wanted)(const struct machine *m); // NULL: always
};

static struct device *create_pflash(struct machine *m, const char *name, unsigned n,
                                    struct irq_line irq, struct error *err)
{
    return flash_create(&m->virt->flash[n], m, name, n, err);
}

static struct device *create_pl011(struct machine *m, const char *name, unsigned n,
                                   struct irq_line irq, struct error *err)
{
    const struct machine_config *c = m->config;
    bool connected = n < c->serial_count && c->serials[n] != CONFIG_NO_SERIAL;
    struct chardev *chardev = connected ? m->chardevs[c->serials[n]] : NULL;
    return pl011_create(name, &m->clock, irq, chardev, &m->log);
}

static bool has_second_serial(const struct machine *m)
{
    return m->config->serial_count > 1;
}

static struct device *create_second_pl011(struct machine *m, const char *name, unsigned n,
                                          struct irq_line irq, struct error *err)
{
    return create_pl011(m, name, 1, irq, err);
}

static struct device *create_pl031(struct machine *m, const char *name, unsigned n,
                                   struct irq_line irq, struct error *err)
{
    return pl031_create(name, &m->clock, irq, m->config->icount ? 0 : time(NULL));
}

// What later rows add (files of their own) they add here.
static struct device *create_fw_cfg(struct machine *m, const char *name, unsigned n,
                                    struct irq_line irq, struct error *err)
{
    m->fw_cfg = fw_cfg_create(name, &m->bus, &m->log);
    fw_cfg_set_u16(m->fw_cfg, FW_CFG_NB_CPUS, (uint16_t)m->nr_cpus);
    fw_cfg_set_u16(m->fw_cfg, FW_CFG_MAX_CPUS, (uint16_t)m->nr_cpus);
    return fw_cfg_device(m->fw_cfg);
}

static struct device *create_pl061(struct machine *m, const char *name, unsigned n,
                                   struct irq_line irq, struct error *err)
{
    m->virt->gpio = pl061_create(name, irq, NULL, &m->log);
    gpio_key_init(&m->virt->power_key, &m->clock, pl061_line(m->virt->gpio, POWER_KEY_LINE),
                  "power-key");
    return m->virt->gpio;
}

bool virt_press_power_key(struct machine *m)
{
    gpio_key_press(&m->virt->power_key);
    return pl061_listens(m->virt->gpio, POWER_KEY_LINE);
}

static struct device *create_virtio(struct machine *m, const char *name, unsigned n,
                                    struct irq_line irq, struct error *err)
{
    struct virtio *v = NULL;
    if (!virtio_slot_create(m, n, &v, err))
        return NULL;
    // A guest that is run by its instruction count sees a disk answer at once, always.
    if (v && !m->config->icount)
        virtio_start(v, &m->lock);
    return virtio_mmio_create(name, &m->bus, &m->clock, irq, m->config->virtio_legacy, v, &m->log);
}

// ONE ROW A DEVICE. The GIC and the timers, which the others need, are made by hand below.
// clang-format off
static const struct row rows[] = {
    // name       base        stride            count         spi  phandle                create
    { "pflash", 0,          FLASH_BANK_SIZE,  CONFIG_FLASH_BANKS, NO_SPI, 0,            create_pflash },
    { "pl011",  0x09000000, 0,                1,            1,   0,                     create_pl011 },
    { "pl031",  0x09010000, 0,                1,            2,   0,                     create_pl031 },
    { "fw-cfg", 0x09020000, 0,                1,            NO_SPI, 0,                  create_fw_cfg },
    { "pl061",  0x09030000, 0,                1,            7,   DEVTREE_PHANDLE_GPIO,  create_pl061 },
    { "pl011-1",0x09040000, 0,                1,            8,   0,                     create_second_pl011, has_second_serial },
    { "virtio", 0x0a000000, VIRTIO_MMIO_SIZE, VIRTIO_SLOTS, 16,  0,                     create_virtio },
};
// clang-format on

static void add_slot(struct virt *v, struct device *dev, const struct fdt_place *place)
{
    assert(v->slot_count < MAX_SLOTS);
    v->slots[v->slot_count++] = (struct slot){ dev, *place };
}

static bool map(struct machine *m, struct device *dev, const struct fdt_place *place,
                struct error *err)
{
    add_slot(m->virt, dev, place);
    return bus_map(&m->bus, place->base, dev, err);
}

static bool create_row(struct machine *m, const struct row *r, struct error *err)
{
    for (unsigned n = 0; n < r->count; n++) {
        struct fdt_place place = { .base = r->base + n * r->stride,
                                   .spi = r->spi < 0 ? NO_SPI : r->spi + (int)n,
                                   .phandle = r->phandle,
                                   .clock_phandle = DEVTREE_PHANDLE_CLOCK };
        char name[24];
        snprintf(name, sizeof name, r->count > 1 ? "%s%u" : "%s", r->name, n);
        struct irq_line irq = {0};
        if (place.spi >= 0)
            irq = gic_spi_line(m->virt->gic, (unsigned)place.spi);
        struct device *dev = r->create(m, name, n, irq, err);
        if (!dev || !map(m, dev, &place, err))
            return false;
    }
    return true;
}

// What -device adds to the board outside the virtio slots.
static bool create_displays(struct machine *m, struct error *err)
{
    for (size_t i = 0; i < m->config->device_count; i++) {
        const struct config_device *d = &m->config->devices[i];
        struct fdt_place place = { .spi = NO_SPI };
        if (!displays_is_board_type(d->type))
            continue;
        struct device *dev = displays_create(m, d, &place, err);
        if (!dev)
            return false;
        add_slot(m->virt, dev, &place);
    }
    return true;
}

// The GIC and the timers

static void cpu_irq(void *opaque, unsigned cpu, bool irq, bool fiq)
{
    struct machine *m = opaque;
    vcpu_thread_set_lines(&m->threads[cpu], (irq ? A64_LINE_IRQ : 0) | (fiq ? A64_LINE_FIQ : 0));
}

static unsigned accessor(void *opaque)
{
    const struct machine *m = opaque;
    return m->accessor;
}

static void create_gtimer(struct machine *m)
{
    static const unsigned ppis[GTIMER_TIMERS] = { [GTIMER_PHYS] = GTIMER_PPI_PHYS,
                                                  [GTIMER_VIRT] = GTIMER_PPI_VIRT,
                                                  [GTIMER_HYP] = GTIMER_PPI_HYP };
    struct irq_line lines[JIT_MAX_CPUS * GTIMER_TIMERS];
    for (unsigned cpu = 0; cpu < m->nr_cpus; cpu++)
        for (unsigned id = 0; id < GTIMER_TIMERS; id++)
            lines[cpu * GTIMER_TIMERS + id] = gic_ppi_line(m->virt->gic, cpu, ppis[id]);
    m->virt->gtimer = gtimer_create(&m->clock, m->nr_cpus, lines);
}

static bool is_gicv2(const struct machine *m)
{
    return m->config->machine.gic_version == 2;
}

static struct irq_line spi_line(void *opaque, unsigned n)
{
    return gic_spi_line(opaque, n);
}

static bool create_gic(struct machine *m, struct error *err)
{
    struct virt *v = m->virt;
    v->gic = gic_create(&(struct gic_config){ .version = (unsigned)m->config->machine.gic_version,
                                              .cpus = m->nr_cpus,
                                              .cpu_irq = cpu_irq,
                                              .accessor = accessor,
                                              .opaque = m,
                                              .log = &m->log });
    if (!bus_map(&m->bus, VIRT_GIC_DIST_BASE, gic_dist(v->gic), err))
        return false;
    if (!is_gicv2(m))
        return bus_map(&m->bus, VIRT_GIC_REDIST_BASE, gic_redist(v->gic), err);
    v->v2m = gicv2m_create("gic-v2m", V2M_SPI, V2M_SPIS, spi_line, v->gic, &m->log);
    return bus_map(&m->bus, GIC_CPU_BASE, gic_cpu_interface(v->gic), err) &&
           bus_map(&m->bus, GIC_V2M_BASE, v->v2m, err);
}

bool virt_init(struct machine *m, struct error *err)
{
    m->virt = calloc(1, sizeof *m->virt);
    assert(m->virt);
    if (!create_gic(m, err))
        return false;
    create_gtimer(m);
    m->virt->board_cpu = (struct board_cpu){ .m = m, .gic = m->virt->gic, .gtimer = m->virt->gtimer };
    board_cpu_init(&m->virt->board_cpu);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if ((!rows[i].wanted || rows[i].wanted(m)) && !create_row(m, &rows[i], err))
            return false;
    return create_displays(m, err);
}

void virt_fini(struct machine *m)
{
    struct virt *v = m->virt;
    if (!v)
        return;
    gpio_key_fini(&v->power_key);
    while (v->slot_count)
        device_destroy(v->slots[--v->slot_count].dev);
    board_cpu_fini(&v->board_cpu);
    if (v->gtimer)
        gtimer_destroy(v->gtimer);
    device_destroy(v->v2m);
    if (v->gic)
        gic_destroy(v->gic);
    free(v);
    m->virt = NULL;
}

void virt_reset(struct machine *m)
{
    struct virt *v = m->virt;
    gpio_key_reset(&v->power_key);
    for (size_t i = 0; i < v->slot_count; i++)
        device_reset(v->slots[i].dev);
    gtimer_reset(v->gtimer);
    device_reset(gic_dist(v->gic));
}

void virt_drain(struct machine *m)
{
    struct virt *v = m->virt;
    for (size_t i = 0; i < v->slot_count; i++)
        device_drain(v->slots[i].dev);
}

void virt_save(struct machine *m, struct state_writer *w)
{
    struct virt *v = m->virt;
    device_save(gic_dist(v->gic), w);
    gtimer_save(v->gtimer, w);
    for (size_t i = 0; i < v->slot_count; i++)
        device_save(v->slots[i].dev, w);
    gpio_key_save(&v->power_key, w);
}

// The GIC first: its state has the levels of its wires, which the others then only repeat.
bool virt_load(struct machine *m, struct state_reader *r, struct error *err)
{
    struct virt *v = m->virt;
    bool ok = device_load(gic_dist(v->gic), r, err) && gtimer_load(v->gtimer, r, err);
    for (size_t i = 0; ok && i < v->slot_count; i++)
        ok = device_load(v->slots[i].dev, r, err);
    // After the GPIO: its state has the level of the wire, which this only repeats.
    return ok && gpio_key_load(&v->power_key, r, err);
}

static int v2m_node(void *opaque, void *fdt)
{
    struct device *v2m = opaque;
    struct fdt_place place = { .base = GIC_V2M_BASE, .spi = NO_SPI, .phandle = DEVTREE_PHANDLE_V2M };
    return v2m->ops->fdt_node(v2m->opaque, fdt, &place);
}

// With GICv2 an interrupt of a CPU's own says which CPUs have it.
uint32_t virt_ppi_flags(const struct machine *m)
{
    return is_gicv2(m) ? (uint32_t)((1u << m->nr_cpus) - 1) << 8 : 0;
}

int virt_fdt_nodes(void *opaque, void *fdt)
{
    const struct machine *m = opaque;
    const struct virt *v = m->virt;
    int e = gic_fdt_node(v->gic, fdt, VIRT_GIC_DIST_BASE, is_gicv2(m) ? GIC_CPU_BASE : VIRT_GIC_REDIST_BASE,
                         DEVTREE_PHANDLE_GIC, v->v2m ? v2m_node : NULL, v->v2m);
    e = e ? e : gtimer_fdt_node(fdt, virt_ppi_flags(m));
    for (size_t i = 0; !e && i < v->slot_count; i++) {
        const struct slot *s = &v->slots[i];
        if (s->dev->ops->fdt_node)
            e = s->dev->ops->fdt_node(s->dev->opaque, fdt, &s->place);
    }
    return e;
}
