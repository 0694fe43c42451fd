// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/devtree.h"

#include "machine/loader.h"

#include <libfdt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TREE_ROOM = 64 * 1024,    // of a tree without its bootargs
    FILE_LIMIT = 1024 * 1024, // of -dtb; a tree and its additions must fit 2 MiB
};

#define APB_CLOCK_HZ 24000000

// A tree being written. The first error sticks and everything after it does nothing, so that
// writing reads like the tree and is checked once, at the end.
struct tree {
    void *fdt;
    int error;
};

static void check(struct tree *t, int r)
{
    if (!t->error && r < 0)
        t->error = r;
}

static void begin(struct tree *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void begin(struct tree *t, const char *fmt, ...)
{
    char name[64];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    if (!t->error)
        check(t, fdt_begin_node(t->fdt, name));
}

static void end(struct tree *t)
{
    if (!t->error)
        check(t, fdt_end_node(t->fdt));
}

static void prop(struct tree *t, const char *name, const void *value, size_t size)
{
    if (!t->error)
        check(t, fdt_property(t->fdt, name, value, (int)size));
}

static void prop_string(struct tree *t, const char *name, const char *value)
{
    prop(t, name, value, strlen(value) + 1);
}

static void prop_u32(struct tree *t, const char *name, uint32_t value)
{
    fdt32_t v = cpu_to_fdt32(value);
    prop(t, name, &v, sizeof v);
}

static void prop_u64(struct tree *t, const char *name, uint64_t value)
{
    fdt64_t v = cpu_to_fdt64(value);
    prop(t, name, &v, sizeof v);
}

static void write_memory(struct tree *t, const struct devtree_board *b)
{
    fdt64_t reg[2] = {cpu_to_fdt64(b->ram_base), cpu_to_fdt64(b->ram_size)};
    begin(t, "memory@%llx", (unsigned long long)b->ram_base);
    prop_string(t, "device_type", "memory");
    prop(t, "reg", reg, sizeof reg);
    end(t);
}

static void write_cpu_map(struct tree *t, unsigned cpus)
{
    begin(t, "cpu-map");
    begin(t, "socket0");
    begin(t, "cluster0");
    for (unsigned n = 0; n < cpus; n++) {
        begin(t, "core%u", n);
        prop_u32(t, "cpu", DEVTREE_PHANDLE_CPU0 + n);
        end(t);
    }
    end(t);
    end(t);
    end(t);
}

static void write_cpus(struct tree *t, const struct devtree_board *b)
{
    begin(t, "cpus");
    prop_u32(t, "#address-cells", 1);
    prop_u32(t, "#size-cells", 0);
    write_cpu_map(t, b->cpus);
    for (unsigned n = 0; n < b->cpus; n++) {
        // One cell holds Aff2..Aff0, which is all this board uses.
        uint32_t affinity = b->mpidr(n) & 0xffffff;
        begin(t, "cpu@%x", affinity);
        prop_string(t, "device_type", "cpu");
        prop_string(t, "compatible", b->cpu_compatible);
        prop_string(t, "enable-method", "psci");
        prop_u32(t, "reg", affinity);
        prop_u32(t, "phandle", DEVTREE_PHANDLE_CPU0 + n);
        end(t);
    }
    end(t);
}

static void write_psci(struct tree *t)
{
    static const char compatible[] = "arm,psci-1.0\0arm,psci-0.2\0arm,psci";
    begin(t, "psci");
    prop(t, "compatible", compatible, sizeof compatible);
    prop_string(t, "method", "hvc");
    // Only "arm,psci" (0.1) needs these; 0.2 fixed the numbers.
    prop_u32(t, "cpu_suspend", 0xc4000001);
    prop_u32(t, "cpu_off", 0x84000002);
    prop_u32(t, "cpu_on", 0xc4000003);
    prop_u32(t, "migrate", 0xc4000005);
    end(t);
}

static void write_pmu(struct tree *t, const struct devtree_board *b)
{
    const fdt32_t irq[3] = {cpu_to_fdt32(1), cpu_to_fdt32(b->pmu_ppi), cpu_to_fdt32(4 | b->ppi_flags)};
    if (!b->pmu_ppi)
        return;
    begin(t, "pmu");
    prop_string(t, "compatible", "arm,armv8-pmuv3");
    prop(t, "interrupts", irq, sizeof irq); // a PPI, level, high
    end(t);
}

static void write_clock(struct tree *t)
{
    begin(t, "apb-pclk");
    prop_string(t, "compatible", "fixed-clock");
    prop_u32(t, "#clock-cells", 0);
    prop_u32(t, "clock-frequency", APB_CLOCK_HZ);
    prop_string(t, "clock-output-names", "clk24mhz");
    prop_u32(t, "phandle", DEVTREE_PHANDLE_CLOCK);
    end(t);
}

// The power key, on line 3 of the GPIO controller.
static void write_gpio_keys(struct tree *t)
{
    fdt32_t gpios[] = { cpu_to_fdt32(DEVTREE_PHANDLE_GPIO), cpu_to_fdt32(3), 0 };
    begin(t, "gpio-keys");
    prop_string(t, "compatible", "gpio-keys");
    begin(t, "poweroff");
    prop_string(t, "label", "GPIO Key Poweroff");
    prop_u32(t, "linux,code", 116); // KEY_POWER
    prop(t, "gpios", gpios, sizeof gpios);
    end(t);
    end(t);
}

static void write_chosen(struct tree *t, const struct devtree_chosen *c)
{
    begin(t, "chosen");
    if (c->stdout_path)
        prop_string(t, "stdout-path", c->stdout_path);
    if (c->bootargs)
        prop_string(t, "bootargs", c->bootargs);
    if (c->initrd_end != c->initrd_start) {
        prop_u64(t, "linux,initrd-start", c->initrd_start);
        prop_u64(t, "linux,initrd-end", c->initrd_end);
    }
    prop(t, "rng-seed", c->rng_seed, sizeof c->rng_seed);
    prop(t, "kaslr-seed", c->kaslr_seed, sizeof c->kaslr_seed);
    end(t);
}

static void write_root(struct tree *t, const struct devtree_board *b,
                       const struct devtree_chosen *c)
{
    begin(t, "%s", "");
    prop_u32(t, "interrupt-parent", DEVTREE_PHANDLE_GIC);
    prop_string(t, "model", "linux,dummy-virt");
    prop_string(t, "compatible", "linux,dummy-virt");
    prop_u32(t, "#address-cells", 2);
    prop_u32(t, "#size-cells", 2);
    write_chosen(t, c);
    write_memory(t, b);
    write_cpus(t, b);
    write_psci(t);
    write_pmu(t, b);
    write_clock(t);
    write_gpio_keys(t);
    if (!t->error)
        check(t, b->devices(b->opaque, t->fdt));
    end(t);
}

void *devtree_make(const struct devtree_board *board, const struct devtree_chosen *chosen,
                   size_t *size, struct error *err)
{
    size_t room = TREE_ROOM + (chosen->bootargs ? strlen(chosen->bootargs) : 0);
    struct tree t = {.fdt = calloc(1, room)};
    if (!t.fdt) {
        error_set(err, "no memory for the device tree");
        return NULL;
    }
    check(&t, fdt_create(t.fdt, (int)room));
    if (!t.error)
        check(&t, fdt_finish_reservemap(t.fdt));
    write_root(&t, board, chosen);
    if (!t.error)
        check(&t, fdt_finish(t.fdt));
    if (t.error) {
        error_set(err, "cannot write the device tree: %s", fdt_strerror(t.error));
        free(t.fdt);
        return NULL;
    }
    *size = fdt_totalsize(t.fdt);
    return t.fdt;
}

// A tree of the user's

// Writes n as the given number of cells; false when it does not fit.
static bool put_cells(fdt32_t **to, int cells, uint64_t n)
{
    if (cells == 1 && n > UINT32_MAX)
        return false;
    if (cells == 2)
        *(*to)++ = cpu_to_fdt32((uint32_t)(n >> 32));
    *(*to)++ = cpu_to_fdt32((uint32_t)n);
    return true;
}

static int delete_memory_nodes(void *fdt)
{
    int node, r = 0;
    while (!r && (node = fdt_node_offset_by_prop_value(fdt, -1, "device_type", "memory", 7)) >= 0)
        r = fdt_del_node(fdt, node);
    return r;
}

static int patch_memory(void *fdt, uint64_t base, uint64_t size)
{
    fdt32_t reg[4], *p = reg;
    char name[32];
    int r, ac = fdt_address_cells(fdt, 0), sc = fdt_size_cells(fdt, 0);
    if (ac < 1 || ac > 2 || sc < 1 || sc > 2)
        return -FDT_ERR_BADNCELLS;
    if (!put_cells(&p, ac, base) || !put_cells(&p, sc, size))
        return -FDT_ERR_BADVALUE;
    if ((r = delete_memory_nodes(fdt)) < 0)
        return r;
    snprintf(name, sizeof name, "memory@%llx", (unsigned long long)base);
    int node = fdt_add_subnode(fdt, 0, name);
    if (node < 0)
        return node;
    if ((r = fdt_setprop_string(fdt, node, "device_type", "memory")) < 0)
        return r;
    return fdt_setprop(fdt, node, "reg", reg, (int)((char *)p - (char *)reg));
}

static int patch_chosen(void *fdt, const struct devtree_chosen *c)
{
    int r = 0, node = fdt_path_offset(fdt, "/chosen");
    if (node == -FDT_ERR_NOTFOUND)
        node = fdt_add_subnode(fdt, 0, "chosen");
    if (node < 0)
        return node;
    if (c->bootargs && (r = fdt_setprop_string(fdt, node, "bootargs", c->bootargs)) < 0)
        return r;
    if (c->initrd_end == c->initrd_start)
        return 0;
    if ((r = fdt_setprop_u64(fdt, node, "linux,initrd-start", c->initrd_start)) < 0)
        return r;
    return fdt_setprop_u64(fdt, node, "linux,initrd-end", c->initrd_end);
}

void *devtree_load(const char *path, uint64_t ram_base, uint64_t ram_size,
                   const struct devtree_chosen *chosen, size_t *size, struct error *err)
{
    size_t file_size;
    void *file = loader_read_file(path, FILE_LIMIT, &file_size, err);
    if (!file) {
        error_prefix(err, "could not load device tree");
        return NULL;
    }
    size_t room = file_size + 4096 + (chosen->bootargs ? strlen(chosen->bootargs) : 0);
    void *fdt = NULL;
    int r = fdt_check_full(file, file_size);
    if (!r && !(fdt = calloc(1, room)))
        r = -FDT_ERR_NOSPACE;
    if (!r)
        r = fdt_open_into(file, fdt, (int)room);
    if (!r)
        r = patch_memory(fdt, ram_base, ram_size);
    if (!r)
        r = patch_chosen(fdt, chosen);
    if (!r)
        r = fdt_pack(fdt);
    free(file);
    if (r) {
        error_set(err, "could not load device tree: %s: not a valid device tree (%s)", path,
                  fdt_strerror(r));
        free(fdt);
        return NULL;
    }
    *size = fdt_totalsize(fdt);
    return fdt;
}
