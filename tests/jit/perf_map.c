// SPDX-License-Identifier: GPL-3.0-or-later
#include "jit/perf_map.h"

#include "tests/support/files.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct test_dir dir;
static struct error err;

static void init(void)
{
    test_dir_init(&dir);
}
static void fini(void)
{
    test_dir_fini(&dir);
}
TestSuite(perf_map, .init = init, .fini = fini);

static void expect_file(const char *path, const char *want)
{
    char text[512] = "";
    FILE *f = fopen(path, "r");
    cr_assert(f, "%s", path);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    fclose(f);
    cr_expect_str_eq(text, want, "'%s', not '%s'", text, want);
}

// Start and size in hexadecimal, then a name without spaces; whole lines at once.
Test(perf_map, lines)
{
    const char *path = test_dir_path(&dir, "map");
    struct perf_map *p = perf_map_create(path, &err);
    cr_assert(p, "%s", err.text);
    perf_map_add(p, (const void *)0x7f0000001040, 0x3c0, 0xffff800008001234, 0x40201234, 17);
    expect_file(path, "7f0000001040 3c0 guest:0xffff800008001234[pa:0x40201234,insns:17]\n");
    perf_map_add(p, (const void *)0x10, 1, 0, 0, 1);
    perf_map_destroy(p);
    expect_file(path, "7f0000001040 3c0 guest:0xffff800008001234[pa:0x40201234,insns:17]\n"
                      "10 1 guest:0x0[pa:0x0,insns:1]\n");
    perf_map_destroy(NULL);
}

// Somebody else may have put a link there, to have a file of ours overwritten.
Test(perf_map, does_not_follow_links)
{
    char victim[80], link[80];
    snprintf(victim, sizeof victim, "%s", test_dir_write(&dir, "victim", "keep", 4));
    snprintf(link, sizeof link, "%s", test_dir_path(&dir, "map"));
    cr_assert_eq(symlink(victim, link), 0);
    struct perf_map *p = perf_map_create(link, &err);
    cr_assert(p, "%s", err.text);
    perf_map_add(p, (const void *)0x10, 1, 0, 0, 1);
    perf_map_destroy(p);
    expect_file(victim, "keep");
    expect_file(link, "10 1 guest:0x0[pa:0x0,insns:1]\n");
}

Test(perf_map, by_process)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    struct perf_map *p = perf_map_create(NULL, &err);
    cr_assert(p, "%s", err.text);
    perf_map_destroy(p);
    expect_file(path, "");
    unlink(path);
    cr_expect_not(perf_map_create("/nonexistent/map", &err));
    cr_expect(strstr(err.text, "/nonexistent/map"), "'%s'", err.text);
}
