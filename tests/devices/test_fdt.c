// SPDX-License-Identifier: GPL-3.0-or-later
// The device-tree nodes that devices write, read back as a guest would.
#include "bench.h"
#include "devices/fw_cfg.h"
#include "devices/gic.h"
#include "devices/gtimer.h"
#include "devices/pflash.h"
#include "devices/pl011.h"
#include "devices/pl031.h"
#include "devices/pl061.h"
#include "devices/virtio/mmio.h"

#include <libfdt.h>
#include <string.h>

static char fdt[8192];
static struct bench b;

static uint32_t cell(const char *path, const char *name, int n)
{
    int len, node = fdt_path_offset(fdt, path);
    cr_assert(node >= 0, "%s is missing", path);
    const fdt32_t *p = fdt_getprop(fdt, node, name, &len);
    cr_assert(p && len >= 4 * (n + 1), "%s of %s is missing or too short", name, path);
    return fdt32_to_cpu(p[n]);
}

static void node(struct device *d, gpa_t base, int spi)
{
    struct fdt_place place = {.base = base, .spi = spi, .phandle = 7, .clock_phandle = 0x8000};
    EXPECT(d->ops->fdt_node(d->opaque, fdt, &place), 0);
    device_destroy(d);
}

Test(fdt, nodes)
{
    bench_init(&b);
    struct irq_line none = {0};
    struct gic_config config = {.cpus = 2};
    struct gic *g = gic_create(&config);
    fdt_create(fdt, sizeof fdt);
    fdt_finish_reservemap(fdt);
    fdt_begin_node(fdt, "");
    EXPECT(gtimer_fdt_node(fdt, 0), 0);
    EXPECT(gic_fdt_node(g, fdt, 0x8000000, 0x80a0000, 0x8002, NULL, NULL), 0);
    node(pl011_create("pl011", &b.clock, none, NULL, NULL), 0x9000000, 1);
    node(pl031_create("pl031", &b.clock, none, 0), 0x9010000, 2);
    node(pl061_create("pl061", none, NULL, NULL), 0x9030000, 7);
    node(fw_cfg_device(fw_cfg_create("fw-cfg", &b.bus, NULL)), 0x9020000, -1);
    node(pflash_create("pflash0", &(struct pflash_config){.node_banks = 2}, NULL), 0, -1);
    node(virtio_mmio_create("v", &b.bus, &b.clock, none, true, NULL, NULL), 0xa000200, 17);
    fdt_end_node(fdt);
    EXPECT(fdt_finish(fdt), 0);

    EXPECT(cell("/timer", "interrupts", 10), 10);
    EXPECT(cell("/intc@8000000", "reg", 1), 0x8000000);
    EXPECT(cell("/intc@8000000", "reg", 5), 0x80a0000);
    EXPECT(cell("/intc@8000000", "reg", 7), 0xf60000);
    EXPECT(cell("/intc@8000000", "phandle", 0), 0x8002);
    EXPECT(cell("/pl011@9000000", "reg", 1), 0x9000000);
    EXPECT(cell("/pl011@9000000", "reg", 3), 0x1000);
    EXPECT(cell("/pl011@9000000", "interrupts", 1), 1);
    EXPECT(cell("/pl011@9000000", "interrupts", 2), 4);
    EXPECT(cell("/pl011@9000000", "clocks", 1), 0x8000);
    EXPECT(cell("/pl031@9010000", "clocks", 0), 0x8000);
    EXPECT(cell("/pl061@9030000", "phandle", 0), 7);
    EXPECT(cell("/pl061@9030000", "#gpio-cells", 0), 2);
    EXPECT(cell("/fw-cfg@9020000", "reg", 3), 0x18);
    EXPECT(cell("/flash@0", "reg", 5), 0x4000000);
    EXPECT(cell("/flash@0", "bank-width", 0), 4);
    EXPECT(cell("/virtio_mmio@a000200", "reg", 3), 0x200);
    EXPECT(cell("/virtio_mmio@a000200", "interrupts", 1), 17);
    EXPECT(cell("/virtio_mmio@a000200", "interrupts", 2), 1);
    int pl011 = fdt_path_offset(fdt, "/pl011@9000000");
    EXPECT(fdt_node_check_compatible(fdt, pl011, "arm,primecell"), 0);
    EXPECT(fdt_stringlist_search(fdt, pl011, "clock-names", "apb_pclk"), 1);
    EXPECT(fdt_stringlist_count(fdt, fdt_path_offset(fdt, "/timer"), "compatible"), 2);
    gic_destroy(g);
    bench_fini(&b);
}

Test(fdt, no_room_is_an_error)
{
    bench_init(&b);
    struct device *d = pl011_create("pl011", &b.clock, (struct irq_line){0}, NULL, NULL);
    struct fdt_place place = {.base = 0x9000000, .spi = 1};
    fdt_create(fdt, 200);
    fdt_finish_reservemap(fdt);
    fdt_begin_node(fdt, "");
    EXPECT(d->ops->fdt_node(d->opaque, fdt, &place), -FDT_ERR_NOSPACE);
    device_destroy(d);
    bench_fini(&b);
}
