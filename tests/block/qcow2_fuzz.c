// SPDX-License-Identifier: GPL-3.0-or-later
// Malformed qcow2 images: good ones of several kinds with a few things changed, by fixed seeds.
// Whatever an image says, opening, checking, repairing, reading and writing it end soon, in bounds
// (under the sanitizers) and in bounded memory. QCOW2_FUZZ_CASES=N makes a longer run,
// QCOW2_FUZZ_SEED=N another one; a failing case is left in /tmp and named.
#include "devices/block/qcow2.h"
#include "disk.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

TestSuite(qcow2_fuzz, .init = disk_setup, .fini = disk_teardown, .timeout = 230);

#define SIZE       (1u << 20)
#define MAX_FILE   (8u << 20)
#define MAX_MEMORY (400u << 10) // KiB, with all that a sanitizer needs
#define MAX_TIME   20           // s a case, on a busy machine with a sanitizer

struct base {
    uint8_t *data;
    size_t len;
    struct qcow2_header h;
};

static struct base bases[12];
static size_t base_count;
static unsigned opened;

// No disk is waited for (the linker puts this in front of the real one).
int __wrap_fdatasync(int fd);

int __wrap_fdatasync(int fd)
{
    return 0;
}

static void add_base(const char *name)
{
    struct error err;
    struct base *b = &bases[base_count++];
    b->data = disk_load(name, &b->len);
    cr_assert(b->len <= MAX_FILE, "%zu", b->len);
    cr_assert(qcow2_header_parse(&b->h, b->data, b->len, &err), "%s", err.text);
}

static void make_bases(void)
{
    static const struct qcow2_create_options kinds[] = {
        {.size = SIZE, .version = 3, .cluster_bits = 16, .refcount_order = 4},
        {.size = SIZE, .version = 2, .cluster_bits = 12, .refcount_order = 4},
        {.size = SIZE, .version = 3, .cluster_bits = 9, .refcount_order = 0},
        {.size = SIZE, .version = 3, .cluster_bits = 12, .refcount_order = 6, .compression = 1},
        {.size = SIZE, .version = 3, .cluster_bits = 14, .refcount_order = 4},
    };
    static uint8_t data[SIZE];
    struct error err;
    struct block_file file;
    for (size_t n = 0; n < SIZE; n++)
        data[n] = (uint8_t)(n / 300);
    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        cr_assert(file_create(&file, disk_path("base"), true, &err), "%s", err.text);
        cr_assert(qcow2_format_file(&file, &kinds[k], &err), "%s", err.text);
        file_close(&file);
        struct block *b = disk_open("base", false);
        unsigned size = qcow2_of(b)->cluster_size;
        for (unsigned at = 0; at < SIZE / 4; at += size)
            qcow2_write_packed(qcow2_of(b), at, data + at);
        disk_write(b, SIZE / 4, data, SIZE / 4);
        disk_run(b, BLOCK_WRITE_ZEROES, false, SIZE / 4, NULL, 65536);
        block_close(b);
        add_base("base");
    }
    if (!disk_have_qemu_img())
        return;
    test_dir_write(&disk_dir, "raw.img", data, SIZE);
    QEMU_IMG("convert -c -O qcow2 raw.img snap && qemu-img snapshot -c one snap && "
             "qemu-img snapshot -c two snap");
    add_base("snap");
    QEMU_IMG("create -q -f qcow2 -b raw.img -F raw over");
    add_base("over");
    QEMU_IMG("create -q -f qcow2 -o lazy_refcounts=on bits 1M && qemu-img bitmap --add bits b0");
    add_base("bits");
}

// Values that are likely to be special somewhere.
static uint64_t special(const struct base *b, uint64_t *x)
{
    const uint64_t cluster = BIT(b->h.cluster_bits);
    switch (random_next(x) % 12) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return BIT(random_next(x) % 64);
    case 3:
        return BIT(random_next(x) % 64) - 1;
    case 4:
        return b->h.l1_offset | (random_next(x) & 1) << 63;
    case 5:
        return b->h.reftable_offset | (random_next(x) & 1) << 63;
    case 6: // some cluster of the file
        return random_next(x) % (b->len / cluster + 2) * cluster | (random_next(x) & 3) << 62;
    case 7: // beyond it
        return (b->len / cluster + random_next(x) % 1000000) * cluster | QCOW2_COPIED;
    case 8:
        return random_next(x) | QCOW2_COMPRESSED;
    case 9:
        return random_next(x);
    default:
        return random_next(x) % 64;
    }
}

// A place in the header, an L1, L2 or refcount table, or anywhere.
static size_t place(const struct base *b, const uint8_t *data, uint64_t *x)
{
    uint64_t at, mask = BIT(b->h.cluster_bits) - 8;
    switch (random_next(x) % 8) {
    case 0:
    case 1:
        at = random_next(x) % 128 & ~UINT64_C(3);
        break;
    case 2:
        at = b->h.l1_offset + random_next(x) % b->h.l1_size * 8;
        break;
    case 3:
        at = b->h.reftable_offset + random_next(x) % 4 * 8;
        break;
    case 4:
        at = get64(data + b->h.reftable_offset) + (random_next(x) & mask & 0xfff);
        break;
    case 5:
    case 6:
        at = (get64(data + b->h.l1_offset) & QCOW2_OFFSET) +
             (random_next(x) & mask & (random_next(x) & 1 ? 0x1f8 : 0xffff));
        break;
    default:
        at = random_next(x);
    }
    return (size_t)(at % (b->len - 8));
}

static size_t mutate(const struct base *b, uint8_t *data, uint64_t *x)
{
    size_t len = b->len;
    memcpy(data, b->data, len);
    for (unsigned n = (unsigned)(random_next(x) % 6) + 1; n; n--) {
        size_t at = place(b, data, x);
        uint64_t value = special(b, x);
        if (random_next(x) % 4 == 0)
            data[at] ^= (uint8_t)(1u << random_next(x) % 8);
        else if (random_next(x) % 3 == 0)
            put32(data + at, (uint32_t)value);
        else
            put64(data + at, value);
    }
    if (random_next(x) % 3 == 0) // often where it matters
        put64(data + 72, random_next(x) & (QCOW2_DIRTY | QCOW2_CORRUPT | QCOW2_COMPRESSION));
    if (random_next(x) % 8 == 0)
        len = random_next(x) % len;
    return len;
}

static void use(struct block *b, uint64_t *x)
{
    static uint8_t data[300000];
    struct error err;
    struct qcow2_check result;
    uint64_t size = b->size < 2 * SIZE ? b->size : 2 * SIZE;
    for (unsigned n = 0; n < 24; n++) {
        uint64_t len = random_next(x) % (random_next(x) & 1 ? 8192 : sizeof data) & ~UINT64_C(511);
        uint64_t offset = random_next(x) % (size + 1) & ~UINT64_C(511);
        if (random_next(x) % 8 == 0)
            offset = b->size - (random_next(x) % 65536 & ~UINT64_C(511));
        disk_run(b, random_next(x) % 5, random_next(x) & 1, offset, data, len);
    }
    disk_run(b, BLOCK_READ, false, 0, data, sizeof data);
    disk_run(b, BLOCK_DISCARD, false, 0, NULL, b->size);
    qcow2_check_image(qcow2_of(b), false, &result, NULL, &err);
}

// Everything that armlet does with an image: run it, run it read-only, check, repair.
static void try_image(unsigned how, uint64_t *x)
{
    struct error err;
    struct block_file file;
    struct qcow2_check result;
    struct block *b = NULL;
    if (how < 3) {
        struct block_options o = {
            .readonly = how == 1, .backing = how == 2, .format = BLOCK_FORMAT_QCOW2};
        b = image_open(disk_path("fuzz"), &o, &err);
    } else if (file_open(&file, disk_path("fuzz"), false, &err)) {
        b = qcow2_open_file(&file, disk_path("fuzz"), false, false, true, &err);
        if (b)
            qcow2_check_image(qcow2_of(b), true, &result, NULL, &err);
    }
    cr_assert(b || (*err.text && !strchr(err.text, '\n')));
    opened += b != NULL;
    if (b)
        use(b, x);
    block_close(b);
}

static long memory(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static unsigned from_environment(const char *name, unsigned otherwise)
{
    const char *text = getenv(name);
    return text ? (unsigned)strtoul(text, NULL, 0) : otherwise;
}

Test(qcow2_fuzz, malformed_images)
{
    unsigned cases = from_environment("QCOW2_FUZZ_CASES", 800);
    uint64_t seed = from_environment("QCOW2_FUZZ_SEED", 1);
    uint8_t *data = malloc(MAX_FILE);
    make_bases();
    // close() says what it could not write: expected here by the hundred.
    cr_assert(freopen("/dev/null", "w", stderr));
    for (unsigned n = 0; n < cases; n++) {
        uint64_t x = (seed * 1000003 + n) * 0x9e3779b97f4a7c15u | 1;
        time_t began = time(NULL);
        const struct base *b = &bases[random_next(&x) % base_count];
        size_t len = mutate(b, data, &x);
        test_dir_write(&disk_dir, "fuzz", data, len);
        char keep[64];
        snprintf(keep, sizeof keep, "/tmp/armlet-fuzz-%d.qcow2", (int)getpid());
        FILE *f = fopen(keep, "wb"); // should it end here
        cr_assert(f && fwrite(data, 1, len, f) == len && !fclose(f));
        try_image((unsigned)(n % 4), &x);
        cr_assert(time(NULL) - began < MAX_TIME, "case %u (%s) took too long", n, keep);
        cr_assert(memory() < (long)MAX_MEMORY, "case %u (%s): %ld KiB", n, keep, memory());
        unlink(keep);
    }
    cr_assert(opened > cases / 4, "only %u of %u were opened at all", opened, cases);
    free(data);
    for (size_t n = 0; n < base_count; n++)
        free(bases[n].data);
}
