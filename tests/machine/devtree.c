// SPDX-License-Identifier: GPL-3.0-or-later
// The tree's shape: what Linux looks for is there, and -dtb files are checked and completed.
// That the nodes agree with QEMU's is tests/boot/compare_dtb.py's subject.
#include "machine/devtree.h"

#include "base/bits.h"
#include "tests/support/files.h"

#include <criterion/criterion.h>
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

static struct error error;
static void *tree;
static size_t tree_size;

static uint64_t mpidr(unsigned n)
{
    return 0x80000000 | n;
}

static int one_device(void *opaque, void *fdt)
{
    int r = fdt_begin_node(fdt, "thing@1000");
    return r ? r : *(int *)opaque ? *(int *)opaque : fdt_end_node(fdt);
}

static int device_result;

static struct devtree_board board = {0x40000000, UINT64_C(5) << 30, 2, "arm,cortex-a57", mpidr,
                                     one_device, &device_result};

static void fini(void)
{
    free(tree);
    tree = NULL;
    device_result = 0;
}

TestSuite(devtree, .fini = fini);

static void make(const struct devtree_chosen *chosen)
{
    tree = devtree_make(&board, chosen, &tree_size, &error);
    cr_assert(tree, "%s", error.text);
    cr_assert_eq(fdt_check_full(tree, tree_size), 0);
}

static const void *property(const char *path, const char *name, int *len)
{
    int node = fdt_path_offset(tree, path);
    cr_assert_geq(node, 0, "no node %s", path);
    const void *p = fdt_getprop(tree, node, name, len);
    cr_assert(p, "%s has no %s", path, name);
    return p;
}

static void expect_string(const char *path, const char *name, const char *value)
{
    int len;
    const char *s = property(path, name, &len);
    cr_expect_str_eq(s, value, "%s %s is '%s', not '%s'", path, name, s, value);
}

static void expect_number(const char *path, const char *name, uint64_t value)
{
    int len;
    const void *p = property(path, name, &len);
    uint64_t v = len == 4 ? fdt32_ld(p) : fdt64_ld(p);
    cr_expect_eq(v, value, "%s %s is 0x%llx, not 0x%llx", path, name, (unsigned long long)v,
                 (unsigned long long)value);
}

Test(devtree, own)
{
    struct devtree_chosen chosen = {"/pl011@9000000", "console=ttyAMA0 x", 0x48000000,
                                    0x48123456,       {1, 2, 3},           {4, 5}};
    int len;
    make(&chosen);
    expect_string("/", "compatible", "linux,dummy-virt");
    expect_number("/", "interrupt-parent", DEVTREE_PHANDLE_GIC);
    expect_string("/memory@40000000", "device_type", "memory");
    const fdt64_t *reg = property("/memory@40000000", "reg", &len);
    cr_expect(len == 16 && fdt64_to_cpu(reg[0]) == 0x40000000 &&
              fdt64_to_cpu(reg[1]) == UINT64_C(5) << 30);
    expect_string("/cpus/cpu@0", "enable-method", "psci");
    expect_number("/cpus/cpu@1", "reg", 1);
    expect_string("/psci", "method", "hvc");
    expect_number("/apb-pclk", "phandle", DEVTREE_PHANDLE_CLOCK);
    expect_string("/chosen", "stdout-path", "/pl011@9000000");
    expect_string("/chosen", "bootargs", "console=ttyAMA0 x");
    expect_number("/chosen", "linux,initrd-start", 0x48000000);
    expect_number("/chosen", "linux,initrd-end", 0x48123456);
    cr_expect_eq(memcmp(property("/chosen", "rng-seed", &len), chosen.rng_seed, 32), 0);
    cr_expect_eq(len, 32);
    property("/chosen", "kaslr-seed", &len);
    cr_expect_eq(len, 8);
    cr_expect_geq(fdt_path_offset(tree, "/thing@1000"), 0);
}

Test(devtree, little_is_given)
{
    make(&(struct devtree_chosen){0});
    int node = fdt_path_offset(tree, "/chosen");
    static const char *const absent[] = {"bootargs", "linux,initrd-start", "linux,initrd-end"};
    for (size_t i = 0; i < ARRAY_SIZE(absent); i++)
        cr_expect(!fdt_getprop(tree, node, absent[i], NULL), "%s", absent[i]);
}

Test(devtree, long_bootargs)
{
    char *args = malloc(100001);
    memset(args, 'x', 100000);
    args[100000] = 0;
    make(&(struct devtree_chosen){.bootargs = args});
    expect_string("/chosen", "bootargs", args);
    free(args);
}

Test(devtree, device_error)
{
    device_result = -FDT_ERR_BADVALUE;
    cr_expect(!devtree_make(&board, &(struct devtree_chosen){0}, &tree_size, &error));
    cr_expect(strstr(error.text, "FDT_ERR_BADVALUE"), "%s", error.text);
}

Test(devtree, from_file)
{
    struct devtree_chosen first = {.bootargs = "old"};
    struct devtree_chosen second = {
        .bootargs = "new", .initrd_start = 0x50000000, .initrd_end = 0x50001000};
    struct test_dir dir;
    int len;
    test_dir_init(&dir);
    make(&first);
    const char *path = test_dir_write(&dir, "x.dtb", tree, tree_size);
    free(tree);
    tree = devtree_load(path, 0x40000000, 0x10000000, &second, &tree_size, &error);
    cr_assert(tree, "%s", error.text);
    cr_expect_eq(fdt_check_full(tree, tree_size), 0);
    expect_string("/chosen", "bootargs", "new");
    expect_number("/chosen", "linux,initrd-end", 0x50001000);
    const fdt64_t *reg = property("/memory@40000000", "reg", &len);
    cr_expect(len == 16 && fdt64_to_cpu(reg[1]) == 0x10000000);
    free(tree);

    tree =
        devtree_load(path, 0x40000000, 0x10000000, &(struct devtree_chosen){0}, &tree_size, &error);
    cr_assert(tree, "%s", error.text);
    expect_string("/chosen", "bootargs", "old");
    test_dir_fini(&dir);
}

// No byte string may be taken for a tree that is not one, nor be read beyond its end.
Test(devtree, from_broken_file)
{
    struct test_dir dir;
    test_dir_init(&dir);
    make(&(struct devtree_chosen){.bootargs = "x"});
    struct devtree_chosen chosen = {.bootargs = "y"};
    for (size_t cut = 0; cut < tree_size; cut += 1 + cut / 8) {
        const char *path = test_dir_write(&dir, "cut.dtb", tree, cut);
        void *got = devtree_load(path, 0x40000000, 0x10000000, &chosen, &(size_t){0}, &error);
        cr_expect(!got, "cut to %zu bytes it was accepted", cut);
        cr_expect(strstr(error.text, "cut.dtb"), "%s", error.text);
        free(got);
    }
    uint8_t *copy = malloc(tree_size);
    uint32_t random = 1;
    for (int i = 0; i < 400; i++) {
        memcpy(copy, tree, tree_size);
        for (int k = 0; k < 3; k++) {
            random = random * 1664525 + 1013904223;
            copy[(random >> 8) % tree_size] = (uint8_t)(random >> 3);
        }
        const char *path = test_dir_write(&dir, "mutant.dtb", copy, tree_size);
        size_t size;
        void *got = devtree_load(path, 0x40000000, 0x10000000, &chosen, &size, &error);
        if (got)
            cr_expect_eq(fdt_check_full(got, size), 0, "mutant %d", i);
        free(got);
    }
    free(copy);
    test_dir_fini(&dir);
}
