// SPDX-License-Identifier: GPL-3.0-or-later
#include "bench.h"
#include "devices/pflash.h"
#include "tests/support/files.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BASE   0x10000000u
#define SECTOR 0x40000u

// Commands and status as the guest writes them: to both chips at once.
#define BOTH(x) ((x) | (x) << 16)

static struct bench b;
static struct device *d;
static struct test_dir dir;
static bool array;       // what the device said last
static unsigned changes; // how often it said so
static uint64_t written_at, written_len;

static void mode(void *opaque, bool is_array)
{
    array = is_array;
    changes++;
}

static void written(void *opaque, uint64_t offset, uint64_t len)
{
    written_at = offset;
    written_len = len;
}

static struct device *make_new(const char *file, bool forget, struct error *err)
{
    struct pflash_config config = {
        .file = file, .create = true, .forget = forget, .mode = mode, .written = written};
    return pflash_create("pflash1", &config, err);
}

static struct device *make(const char *file, bool readonly, bool forget, struct error *err)
{
    struct pflash_config config = {.file = file,
                                   .readonly = readonly,
                                   .forget = forget,
                                   .node_banks = 2,
                                   .mode = mode,
                                   .written = written};
    return pflash_create("pflash0", &config, err);
}

static void put_on_bus(struct device *dev)
{
    struct error err;
    cr_assert(dev);
    d = dev;
    bench_init(&b);
    cr_assert(bus_map(&b.bus, BASE, d, &err), "%s", err.text);
    array = true;
    changes = 0;
}

static void setup(void)
{
    struct error err = {0};
    test_dir_init(&dir);
    put_on_bus(make(NULL, false, false, &err));
}

static void teardown(void)
{
    device_destroy(d);
    bench_fini(&b);
    test_dir_fini(&dir);
}

TestSuite(pflash, .init = setup, .fini = teardown);

static uint32_t get(uint32_t offset)
{
    return (uint32_t)bench_read(&b, BASE + offset, 4);
}

static void set(uint32_t offset, uint32_t value)
{
    bench_write(&b, BASE + offset, 4, value);
}

static void command(uint32_t offset, uint32_t c)
{
    set(offset, BOTH(c));
}

static void erase(uint32_t offset)
{
    command(offset, 0x20);
    command(offset, 0xd0);
    EXPECT(get(offset), BOTH(0x80));
    command(0, 0xff);
}

Test(pflash, modes)
{
    EXPECT(get(0), 0);
    command(0, 0x70);
    EXPECT(array, 0);
    EXPECT(get(0), BOTH(0x80));
    EXPECT(get(0x1234), BOTH(0x80));
    EXPECT(bench_read(&b, BASE, 1), 0x80);
    EXPECT(bench_read(&b, BASE + 1, 1), 0);
    EXPECT(bench_read(&b, BASE + 2, 2), 0x80);
    EXPECT(bench_read(&b, BASE + 8, 8), 0x0080008000800080);
    command(0, 0x90);
    EXPECT(get(0), BOTH(0x89));
    EXPECT(get(4), BOTH(0x18));
    EXPECT(bench_read(&b, BASE, 8), 0x0018001800890089);
    EXPECT(get(8), 0);
    EXPECT(get(SECTOR), BOTH(0x89));
    EXPECT(changes, 1);
    command(0, 0xff);
    EXPECT(array, 1);
    EXPECT(changes, 2);
    EXPECT(get(0), 0);
    command(0, 0x12); // no command
    EXPECT(array, 1);
    set(0, 0x98); // the low byte counts
    EXPECT(get(0x10 * 4), BOTH('Q'));
    device_reset(d);
    EXPECT(array, 1);
    EXPECT(get(0x10 * 4), 0);
}

Test(pflash, query)
{
    static const struct {
        uint32_t word, value;
    } rows[] = {
        {0x10, 'Q'}, {0x11, 'R'}, {0x12, 'Y'},  {0x13, 1}, {0x15, 0x31}, {0x27, 25},
        {0x2a, 11},  {0x2c, 1},   {0x2d, 0xff}, {0x2e, 0}, {0x2f, 0x00}, {0x30, 0x02},
        {0x31, 'P'}, {0x32, 'R'}, {0x33, 'I'},  {0x40, 0}, {0x3f, 1},    {0x100000, 0},
    };
    command(0x55 * 4, 0x98);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t value = get(rows[i].word * 4);
        cr_assert(value == BOTH(rows[i].value), "word 0x%x is 0x%x, not 0x%x", rows[i].word, value,
                  BOTH(rows[i].value));
    }
}

Test(pflash, programs_bits_to_zero)
{
    erase(SECTOR);
    EXPECT(get(SECTOR), 0xffffffff);
    EXPECT(get(SECTOR - 4), 0);
    EXPECT(get(2 * SECTOR - 4), 0xffffffff);
    EXPECT(get(2 * SECTOR), 0);
    command(SECTOR + 8, 0x40);
    EXPECT(get(0), BOTH(0x80));
    set(SECTOR + 8, 0x12345678);
    EXPECT(written_at, SECTOR + 8);
    EXPECT(written_len, 4);
    EXPECT(get(0), BOTH(0x80));
    command(0, 0xff);
    EXPECT(get(SECTOR + 8), 0x12345678);
    command(SECTOR + 8, 0x10);
    set(SECTOR + 8, 0xffff0000);
    command(0, 0xff);
    EXPECT(get(SECTOR + 8), 0x12340000); // no bit comes back
    command(SECTOR + 0x10, 0x40);
    bench_write(&b, BASE + SECTOR + 0x10, 8, 0x1122334455667788);
    command(SECTOR + 0x20, 0x40);
    bench_write(&b, BASE + SECTOR + 0x21, 1, 0x5a);
    command(0, 0xff);
    EXPECT(bench_read(&b, BASE + SECTOR + 0x10, 8), 0x1122334455667788);
    EXPECT(get(SECTOR + 0x20), 0xffff5aff);
}

Test(pflash, buffered)
{
    erase(0);
    command(0x1000, 0xe8);
    EXPECT(get(0x1000), BOTH(0x80));
    command(0x1000, 3); // four words
    for (unsigned i = 0; i < 4; i++)
        set(0x1010 + 4 * i, 0x01010101 * (i + 1));
    EXPECT(pflash_memory(d)[0x1010], 0xff); // not before it is confirmed
    command(0x1000, 0xd0);
    EXPECT(get(0x1000), BOTH(0x80));
    command(0, 0xff);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(get(0x1010 + 4 * i), 0x01010101 * (i + 1));
    EXPECT(get(0x100c), 0xffffffff);
    EXPECT(get(0x1020), 0xffffffff);
}

Test(pflash, buffered_and_abandoned)
{
    erase(0);
    command(0, 0xe8);
    command(0, 0);
    set(0, 0);
    command(0, 0xff); // no confirmation
    EXPECT(array, 1);
    EXPECT(get(0), 0xffffffff);
    command(0, 0xe8);
    command(0, 1);
    set(0x0, 0);
    set(0x2000, 0); // another block: the whole is refused
    command(0, 0xd0);
    command(0, 0x70);
    EXPECT(get(0), BOTH(0xb0));
    command(0, 0x50);
    EXPECT(get(0), 0xffffffff);
    EXPECT(get(0x2000), 0xffffffff);
    command(0, 0x20);
    command(0, 0xff); // not a confirmation either
    EXPECT(array, 1);
}

Test(pflash, locking_says_yes)
{
    command(0, 0x60);
    command(0, 0xd0);
    EXPECT(get(0), BOTH(0x80));
    command(0, 0x60);
    command(0, 0x01);
    EXPECT(get(0), BOTH(0x80));
    command(0, 0x60);
    command(0, 0xff);
    EXPECT(array, 1);
}

Test(pflash, readonly)
{
    struct error err;
    teardown();
    test_dir_init(&dir);
    const char *file = test_dir_write(&dir, "code", "firmware", 8);
    put_on_bus(make(file, true, false, &err));
    EXPECT(get(0), 0x6d726966);
    command(0, 0x40);
    set(0, 0);
    EXPECT(get(0), BOTH(0x90));
    command(0, 0x50);
    EXPECT(get(0), 0x6d726966);
    command(0, 0x20);
    command(0, 0xd0);
    EXPECT(get(0), BOTH(0xa0));
    command(0, 0x50);
    EXPECT(get(0), 0x6d726966);
    struct stat st;
    cr_assert(!stat(file, &st) && st.st_size == 8, "the file has changed");
}

static uint32_t in_file(const char *file, off_t at)
{
    uint32_t word = 0x77777777;
    int fd = open(file, O_RDONLY);
    cr_assert(pread(fd, &word, 4, at) == 4, "%s has nothing at %lld", file, (long long)at);
    close(fd);
    return word;
}

Test(pflash, the_file_has_what_was_written)
{
    struct error err;
    struct stat st;
    teardown();
    test_dir_init(&dir);
    const char *file = test_dir_write(&dir, "vars", "\1\2\3\4", 4);
    put_on_bus(make(file, false, false, &err));
    EXPECT(get(0), 0x04030201);
    cr_assert(!stat(file, &st) && st.st_size == (off_t)PFLASH_SIZE, "it was not made longer");
    erase(SECTOR);
    command(0, 0x40);
    set(SECTOR, 0x12345678);
    EXPECT(in_file(file, SECTOR), 0x12345678);
    EXPECT(in_file(file, 2 * SECTOR - 4), 0xffffffff);
    cr_assert(!make(file, false, false, &err), "opened twice");
    cr_assert(strstr(err.text, "in use") && strstr(err.text, file), "%s", err.text);
    device_destroy(d);
    bench_fini(&b);
    put_on_bus(make(file, false, true, &err)); // forgets
    EXPECT(get(SECTOR), 0x12345678);
    erase(SECTOR);
    EXPECT(get(SECTOR), 0xffffffff);
    EXPECT(in_file(file, SECTOR), 0x12345678);
}

Test(pflash, a_new_file)
{
    struct error err;
    struct stat st;
    char path[200];
    snprintf(path, sizeof path, "%s", test_dir_path(&dir, "new"));
    struct device *dev = make_new(path, true, &err);
    cr_assert(dev && stat(path, &st), "made, and to be forgotten");
    device_destroy(dev);
    dev = make_new(path, false, &err);
    cr_assert(dev, "%s", err.text);
    cr_assert(!stat(path, &st) && st.st_size == (off_t)PFLASH_SIZE && st.st_blocks == 0);
    device_destroy(dev);
    dev = make_new("/does/not/exist", false, &err);
    cr_assert(!dev && strstr(err.text, "/does/not/exist"), "%s", err.text);
}

Test(pflash, bad_files)
{
    struct error err;
    char path[200];
    cr_assert(!make("/does/not/exist", false, false, &err));
    cr_assert(strstr(err.text, "/does/not/exist"), "%s", err.text);
    cr_assert(!make("/tmp", true, false, &err));
    cr_assert(strstr(err.text, "/tmp"), "%s", err.text);
    snprintf(path, sizeof path, "%s", test_dir_write(&dir, "large", "x", 1));
    cr_assert(!truncate(path, (off_t)PFLASH_SIZE + 1));
    cr_assert(!make(path, true, false, &err));
    cr_assert(strstr(err.text, "do not fit"), "%s", err.text);
}

Test(pflash, save_and_load)
{
    struct error err;
    erase(SECTOR);
    command(0, 0x40);
    set(SECTOR, 0x12345678);
    command(0, 0xe8);
    command(0, 3);
    set(SECTOR + 16, 1); // in the middle of a buffered write
    struct device *other = make(NULL, false, false, &err);
    bench_copy_state(d, other);
    EXPECT(array, 0);
    EXPECT(written_len, 2 * SECTOR);
    device_destroy(d);
    bench_fini(&b);
    put_on_bus(other);
    for (unsigned i = 1; i < 4; i++)
        set(SECTOR + 16 + 4 * i, i + 1);
    bench_copy_state(d, d); // all of it is there, and not confirmed
    command(0, 0xd0);
    command(0, 0xff);
    EXPECT(get(SECTOR), 0x12345678);
    for (unsigned i = 0; i < 4; i++)
        EXPECT(get(SECTOR + 16 + 4 * i), i + 1);
    static const size_t offsets[] = {3, 7, 11, 15, 23, 31}; // high bytes of each number
    for (unsigned i = 0; i < sizeof offsets / sizeof *offsets; i++)
        cr_assert(!bench_load_damaged(d, d, 0, offsets[i], 0x80), "byte %zu", offsets[i]);
    bench_refuses_corruption(d);
    // Less than there was: the rest is empty again.
    other = make(NULL, false, false, &err);
    bench_copy_state(other, d);
    EXPECT(get(SECTOR), 0);
    device_destroy(other);
}
