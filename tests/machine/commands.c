// SPDX-License-Identifier: GPL-3.0-or-later
// Which first argument is a command, and what `armlet cache` answers.
#include "machine/commands.h"

#include "base/bits.h"
#include "tests/support/files.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct error error;
static char *printed;

static int run(int argc, char **argv)
{
    size_t size;
    const struct command_row *c = command_find(argc + 1, argv - 1);
    cr_assert(c, "%s is no command", argv[0]);
    error = (struct error){0};
    free(printed);
    FILE *out = open_memstream(&printed, &size);
    int status = c->run(argc, argv, out, &error);
    fclose(out);
    return status;
}
#define RUN(...)                                                                                   \
    ({                                                                                             \
        char *argv_[] = {"armlet", __VA_ARGS__, NULL};                                             \
        run((int)ARRAY_SIZE(argv_) - 2, argv_ + 1);                                                \
    })

static void fini(void)
{
    free(printed);
    printed = NULL;
}

TestSuite(commands, .fini = fini);

static bool found(char *word)
{
    return command_find(2, (char *[]){"armlet", word, NULL});
}

Test(commands, words)
{
    for (size_t i = 0; i < command_row_count; i++)
        cr_expect(found((char *)command_rows[i].name), "%s", command_rows[i].name);
    cr_expect_not(found("Image"));
    cr_expect_not(found("-bench"));
    cr_expect_not(found("benc"));
    cr_expect_not(found(""));
    cr_expect_not(command_find(1, (char *[]){"armlet", NULL}));
}

Test(commands, a_file_is_a_kernel)
{
    struct test_dir d;
    test_dir_init(&d);
    test_dir_write(&d, "bench", "x", 1);
    cr_assert_eq(chdir(d.path), 0);
    cr_expect_not(found("bench"));
    cr_assert_eq(mkdir("cache", 0700), 0);
    cr_expect(found("cache")); // nobody boots a directory
    rmdir("cache");
    cr_expect_not(command_misspelt(2, (char *[]){"armlet", "bench", NULL}, &error));
    cr_assert_eq(chdir("/"), 0);
    test_dir_fini(&d);
}

Test(commands, misspelt)
{
    cr_expect(command_misspelt(2, (char *[]){"armlet", "bnech", NULL}, &error));
    cr_expect(strstr(error.text, "did you mean bench?"), "'%s'", error.text);
    cr_expect_not(command_misspelt(2, (char *[]){"armlet", "vmlinuz", NULL}, &error));
    cr_expect_not(command_misspelt(2, (char *[]){"armlet", "-cahce", NULL}, &error));
    cr_expect_not(command_misspelt(1, (char *[]){"armlet", NULL}, &error));
}

Test(commands, help)
{
    cr_expect_eq(RUN("help"), 0);
    for (size_t i = 0; i < command_row_count; i++)
        cr_expect(strstr(printed, command_rows[i].help), "no %s in '%s'", command_rows[i].name,
                  printed);
}

// Paths that are valid together.
static char *in_dir(struct test_dir *d, const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *p = paths[next++ % 4];
    snprintf(p, sizeof paths[0], "%s/%s", d->path, name);
    return p;
}

Test(commands, disk)
{
    struct test_dir d;
    static uint8_t data[3 << 20], *back;
    test_dir_init(&d);
    for (size_t n = 0; n < sizeof data / 3; n++)
        data[n] = (uint8_t)(n / 7 * n);
    test_dir_write(&d, "a.img", data, sizeof data);
    char *raw = in_dir(&d, "a.img"), *image = in_dir(&d, "a.qcow2"), *copy = in_dir(&d, "b.img");
    cr_expect_eq(RUN("disk", "convert", "-c", "-o", "compression_type=zstd", raw, image), 0, "%s",
                 error.text);
    cr_expect_eq(RUN("disk", "info", image), 0, "%s", error.text);
    cr_expect(strstr(printed, "format: qcow2") && strstr(printed, "3.0 MiB (3145728 bytes)") &&
                  strstr(printed, "compression: zstd"),
              "'%s'", printed);
    cr_expect_eq(RUN("disk", "check", image), 0, "%s", error.text);
    cr_expect(strstr(printed, "16 of 48 clusters allocated") && strstr(printed, "no errors"),
              "'%s'", printed);
    cr_expect_eq(RUN("disk", "convert", "-O", "raw", image, copy), 0, "%s", error.text);
    FILE *f = fopen(copy, "rb");
    back = malloc(sizeof data + 1);
    cr_assert(f && fread(back, 1, sizeof data + 1, f) == sizeof data);
    cr_expect(!memcmp(back, data, sizeof data));
    fclose(f);
    free(back);
    cr_expect_eq(RUN("disk", "info", raw), 0, "%s", error.text);
    cr_expect(strstr(printed, "format: raw"), "'%s'", printed);
    test_dir_fini(&d);
}

Test(commands, disk_create)
{
    struct test_dir d;
    test_dir_init(&d);
    char *base = in_dir(&d, "a.qcow2"), *over = in_dir(&d, "b.qcow2"), *raw = in_dir(&d, "c.img");
    cr_expect_eq(RUN("disk", "create", "-o", "cluster_size=4K,refcount_bits=8", base, "40M"), 0,
                 "%s", error.text);
    cr_expect_eq(RUN("disk", "create", base, "40M"), 1);
    cr_expect(strstr(error.text, "exists already"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "create", "--force", base, "1G"), 0, "%s", error.text);
    cr_expect_eq(RUN("disk", "create", "-b", "a.qcow2", "-F", "qcow2", over, "2G"), 0, "%s",
                 error.text);
    cr_expect_eq(RUN("disk", "info", over), 0, "%s", error.text);
    cr_expect(strstr(printed, "backing file: a.qcow2 (qcow2)"), "'%s'", printed);
    cr_expect_eq(RUN("disk", "convert", over, raw), 1);
    cr_expect(strstr(error.text, "a.qcow2") && strstr(error.text, "--backing"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "create", "-f", "raw", raw, "3M"), 0, "%s", error.text);
    cr_expect_eq(RUN("disk", "check", raw), 1);
    test_dir_fini(&d);
}

Test(commands, disk_usage)
{
    cr_expect_eq(RUN("disk"), 2);
    cr_expect(strstr(error.text, "usage"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "--help"), 0);
    cr_expect(strstr(printed, "usage: armlet disk create"), "'%s'", printed);
    cr_expect_eq(RUN("disk", "crate", "x", "1M"), 2);
    cr_expect_eq(RUN("disk", "create", "/nonexistent/x", "20Q"), 2);
    cr_expect(strstr(error.text, "20Q: not a size"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "create", "/nonexistent/x"), 2);
    cr_expect_eq(RUN("disk", "info"), 2);
    cr_expect_eq(RUN("disk", "info", "a", "b"), 2);
    cr_expect_eq(RUN("disk", "info", "--repair", "a"), 2);
    cr_expect_eq(RUN("disk", "create", "-f", "vmdk", "/nonexistent/x", "1M"), 2);
    cr_expect(strstr(error.text, "qcow2"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "create", "-o", "cluster_size=3K", "/nonexistent/x", "1M"), 2);
    cr_expect_eq(RUN("disk", "create", "-o", "clustersize=4K", "/nonexistent/x", "1M"), 2);
    cr_expect(strstr(error.text, "cluster_size"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "create", "/nonexistent/x", "1M"), 1);
    cr_expect(strstr(error.text, "/nonexistent/x"), "'%s'", error.text);
    cr_expect_eq(RUN("disk", "info", "/nonexistent/x"), 1);
}

Test(commands, cache)
{
    struct test_dir d;
    test_dir_init(&d);
    cr_expect_eq(RUN("cache", "list", "--cache-dir", d.path), 0, "%s", error.text);
    cr_expect(strstr(printed, "0 files"), "'%s'", printed);
    cr_expect_eq(RUN("cache", "--cache-dir", d.path, "clear"), 0, "%s", error.text);
    cr_expect(strstr(printed, "0 files removed"), "'%s'", printed);
    cr_expect_eq(RUN("cache", "list", "--cache-dir", "/nonexistent"), 1);
    cr_expect(strstr(error.text, "/nonexistent"), "'%s'", error.text);
    test_dir_fini(&d);
}

Test(commands, cache_usage)
{
    cr_expect_eq(RUN("cache"), 2);
    cr_expect_eq(RUN("cache", "lisst"), 2);
    cr_expect_eq(RUN("cache", "list", "clear"), 2);
    cr_expect_eq(RUN("cache", "list", "--cache-dir"), 2);
    cr_expect_eq(RUN("cache", "list", "--nonsense"), 2);
    cr_expect(strstr(error.text, "usage"), "'%s'", error.text);
}
