// SPDX-License-Identifier: GPL-3.0-or-later
// Whole machines, run by instruction count: the same twice in one process, saved at random
// instructions and loaded into another one, and loaded from what nobody saved.
#include "machine/snapshot.h"

#include "devices/char/buffer.h"
#include "machine/device_types.h"
#include "machine/icount.h"
#include "tests/support/files.h"
#include "tests/support/random.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define MIB         (UINT64_C(1) << 20)
#define DISK_SIZE   (128 * 512)
#define SECTION     48     // bytes of a section's header: tag 32, version 4, checksum 4, length 8
#define UNTIL_READY 200000 // instructions; the guest is in its loop by then

static struct test_dir dir;
static struct error error;

static void init(void)
{
    test_dir_init(&dir);
}

static void fini(void)
{
    test_dir_fini(&dir);
}

TestSuite(snapshot, .init = init, .fini = fini, .timeout = 600);

// A machine with the guest of roms/src/snapshot.
struct box {
    struct machine_config config;
    struct machine m;
    char disk[128];
};

// 0 to n - 1; the same in every run of the tests.
static uint64_t chance(uint64_t n)
{
    static uint64_t x = RANDOM_SEED;
    return random_next(&x) % n;
}

static void make_config(struct box *b, const char *disk_name, const void *disk, size_t disk_size)
{
    struct machine_config *c = &b->config;
    const char *guest = getenv("ARMLET_SNAPSHOT_GUEST");
    if (!guest)
        cr_skip_test("no guest: aarch64-linux-gnu-gcc was not found when the build was set up");
    snprintf(b->disk, sizeof b->disk, "%s", test_dir_write(&dir, disk_name, disk, disk_size));
    machine_config_init(c);
    c->ram_size = 16 * MIB;
    c->kernel = guest;
    c->virtio_legacy = false;
    c->icount = c->seed_given = true;
    c->seed = 12345;
    c->drives[0] = (struct config_drive){
        .file = b->disk, .format = CONFIG_FORMAT_RAW, .interface = CONFIG_IF_NONE};
    c->drive_count = 1;
    c->devices[0] = (struct config_device){.type = DEVICE_VIRTIO_BLK, .backend = &c->drives[0]};
    c->devices[1] = (struct config_device){.type = DEVICE_VIRTIO_RNG};
    c->netdevs[0] = (struct config_netdev){.user = {.ipv4 = true, .restricted = true}};
    inet_pton(AF_INET, "10.0.2.0", &c->netdevs[0].user.net);
    inet_pton(AF_INET, "255.255.255.0", &c->netdevs[0].user.mask);
    inet_pton(AF_INET, "10.0.2.2", &c->netdevs[0].user.host);
    inet_pton(AF_INET, "10.0.2.3", &c->netdevs[0].user.dns);
    inet_pton(AF_INET, "10.0.2.15", &c->netdevs[0].user.dhcp_start);
    c->netdev_count = 1;
    c->shares[0] = (struct config_share){.path = "/", .readonly = true};
    c->share_count = 1;
    c->devices[2] = (struct config_device){.type = DEVICE_VIRTIO_NET, .net = &c->netdevs[0]};
    c->devices[3] = (struct config_device){.type = DEVICE_VIRTIO_SERIAL};
    c->ports[0] = (struct config_device){
        .type = DEVICE_VIRTCONSOLE, .nr = 0, .on = &c->devices[3], .name = "port"};
    c->port_count = 1;
    c->devices[4] = (struct config_device){
        .type = DEVICE_VIRTIO_9P, .share = &c->shares[0], .mount_tag = "root"};
    c->devices[5] =
        (struct config_device){.type = DEVICE_VIRTIO_BALLOON, .free_page_reporting = true};
    c->device_count = 6;
    c->chardevs[0].backend = CONFIG_CHAR_BUFFER;
    c->chardev_count = c->serial_count = 1;
}

static void start(struct box *b)
{
    bool ok = machine_init(&b->m, &b->config, &error);
    cr_assert(ok, "%s", error.text);
}

static struct box *box_create(const char *disk_name, const void *disk)
{
    static const uint8_t empty[DISK_SIZE];
    struct box *b = calloc(1, sizeof *b);
    make_config(b, disk_name, disk ? disk : empty, DISK_SIZE);
    start(b);
    return b;
}

static void box_destroy(struct box *b)
{
    machine_fini(&b->m);
    machine_config_fini(&b->config);
    free(b);
}

static uint64_t box_icount(const struct box *b)
{
    return b->m.cpus[0]->v.icount;
}

static void run_to(struct box *b, uint64_t icount)
{
    enum icount_stop stop = icount_run(&b->m, icount);
    cr_assert(stop == ICOUNT_REACHED && box_icount(b) == icount,
              "stopped with %d after %" PRIu64 " instructions of %" PRIu64 " at pc %#" PRIx64
              "; it said: %s",
              stop, box_icount(b), icount, b->m.cpus[0]->v.pc,
              buffer_output(b->m.chardevs[0], NULL));
}

static const char *said(struct box *b)
{
    return buffer_output(b->m.chardevs[0], NULL);
}

static struct state_writer save(struct box *b)
{
    struct state_writer w;
    state_writer_init(&w);
    machine_save(&b->m, &w);
    return w;
}

static bool load(struct box *b, const void *data, size_t len)
{
    struct state_reader r;
    state_reader_init(&r, data, len);
    error = (struct error){.text = ""};
    return machine_load(&b->m, &r, &error);
}

static uint64_t section_size(const uint8_t *s)
{
    uint64_t len;
    memcpy(&len, s + 40, sizeof len);
    return SECTION + len;
}

// Which section a byte of a state belongs to.
static const char *section_of(const struct state_writer *w, size_t at, size_t *offset)
{
    const uint8_t *s = w->data;
    while (at >= (size_t)(s - w->data) + section_size(s))
        s += section_size(s);
    *offset = at - (size_t)(s - w->data);
    return (const char *)s;
}

static void expect_same(const struct state_writer *a, const struct state_writer *b,
                        const char *what, uint64_t n)
{
    size_t at = 0, len = a->len < b->len ? a->len : b->len, offset;
    while (at < len && a->data[at] == b->data[at])
        at++;
    if (at == len && a->len == b->len)
        return;
    const char *section = at < len ? section_of(a, at, &offset) : "end";
    cr_assert_fail("%s %" PRIu64
                   ": states differ in section \"%s\" at %zu (header included); %zu and %zu bytes",
                   what, n, section, at < len ? offset : 0, a->len, b->len);
}

static void expect_same_machines(struct box *a, struct box *b, const char *what, uint64_t n)
{
    struct state_writer wa = save(a), wb = save(b);
    expect_same(&wa, &wb, what, n);
    state_writer_fini(&wa);
    state_writer_fini(&wb);
}

static void read_disk(const struct box *b, uint8_t *to)
{
    FILE *f = fopen(b->disk, "rb");
    cr_assert(f && fread(to, 1, DISK_SIZE, f) == DISK_SIZE, "%s cannot be read", b->disk);
    fclose(f);
}

// ------------------------------------------------------------------------------------------------

// The same course, whoever else is in the process and wherever one stops on the way.
Test(snapshot, two_machines_in_one_process)
{
    enum { END = 3000000 };
    struct box *a = box_create("a", NULL), *b = box_create("b", NULL), *c = box_create("c", NULL);
    for (uint64_t n = 0; n < END;) {
        n += 1 + chance(n % 3 ? 50000 : 20);
        run_to(a, n < END ? n : END);
        run_to(b, n < END ? n : END);
    }
    run_to(c, END);
    cr_assert(strlen(said(a)) > 1000, "the guest said no more than %s", said(a));
    cr_assert(!strchr(said(a), '!'), "the guest complains: %s", said(a));
    cr_assert_str_eq(said(a), said(b));
    cr_assert_str_eq(said(a), said(c));
    expect_same_machines(a, b, "stopped alike", END);
    expect_same_machines(a, c, "not stopped", END);
    cr_expect(a->m.cpus[0]->v.stats.interrupts > 100, "only %" PRIu64 " interrupts",
              a->m.cpus[0]->v.stats.interrupts);
    box_destroy(a);
    box_destroy(b);
    box_destroy(c);
}

// Another seed is another run (so the above compares something).
Test(snapshot, seeds_differ)
{
    struct box *a = box_create("a", NULL), *b = calloc(1, sizeof *b);
    static const uint8_t empty[DISK_SIZE];
    make_config(b, "b", empty, sizeof empty);
    b->config.seed = 54321;
    start(b);
    run_to(a, 1000000);
    run_to(b, 1000000);
    cr_assert_str_neq(said(a), said(b));
    box_destroy(a);
    box_destroy(b);
}

// A machine, saved at the instruction n, and another one that goes on from there.
static void continue_elsewhere(struct box *a, uint64_t n)
{
    static const char typed[] = "typed after the save";
    uint8_t disk[DISK_SIZE], disk2[DISK_SIZE];
    run_to(a, n);
    buffer_clear(a->m.chardevs[0]);
    struct state_writer w = save(a), again;
    read_disk(a, disk);
    struct box *b = box_create("second", disk);
    bool ok = load(b, w.data, w.len);
    cr_assert(ok, "saved at %" PRIu64 ": %s", n, error.text);
    cr_expect(box_icount(b) == n, "%" PRIu64 " instructions instead of %" PRIu64, box_icount(b), n);
    again = save(b);
    expect_same(&w, &again, "saved, loaded and saved again at", n);
    uint64_t typing = n + chance(20000), end = typing + 100000 + chance(50000);
    run_to(a, typing);
    run_to(b, typing);
    buffer_input(a->m.chardevs[0], typed, sizeof typed);
    buffer_input(b->m.chardevs[0], typed, sizeof typed);
    run_to(a, end);
    run_to(b, end);
    cr_expect(strlen(said(a)) > 100, "only '%s' was said after %" PRIu64, said(a), n);
    cr_expect_str_eq(said(a), said(b), "saved at %" PRIu64 ": '%s' and '%s'", n, said(a), said(b));
    expect_same_machines(a, b, "saved at", n);
    read_disk(a, disk);
    read_disk(b, disk2);
    cr_expect(!memcmp(disk, disk2, sizeof disk), "saved at %" PRIu64 ": the disks differ", n);
    state_writer_fini(&w);
    state_writer_fini(&again);
    box_destroy(b);
}

Test(snapshot, saved_at_random_instructions)
{
    struct box *a = box_create("first", NULL);
    uint64_t n = chance(3000); // while it is still setting things up
    for (unsigned round = 0; round < 25; round++) {
        continue_elsewhere(a, n);
        n = box_icount(a) + chance(30000);
        // Every third time at a moment when the exclusive monitor is held.
        while (round % 3 == 0 && (box_icount(a) < n || !a->m.cpus[0]->v.excl_size))
            run_to(a, box_icount(a) < n ? n : ++n);
    }
    box_destroy(a);
}

// A machine that has run something else takes the state over as well as a new one.
Test(snapshot, load_into_a_used_machine)
{
    struct box *a = box_create("a", NULL);
    run_to(a, 777777);
    uint8_t disk[DISK_SIZE];
    struct state_writer w = save(a);
    read_disk(a, disk);
    struct box *b = box_create("b", disk);
    run_to(b, 123456);
    test_dir_write(&dir, "b", disk, sizeof disk);
    bool ok = load(b, w.data, w.len);
    cr_assert(ok, "%s", error.text);
    buffer_clear(a->m.chardevs[0]);
    buffer_clear(b->m.chardevs[0]);
    run_to(a, 1111111);
    run_to(b, 1111111);
    cr_assert_str_eq(said(a), said(b));
    expect_same_machines(a, b, "a used machine", 777777);
    state_writer_fini(&w);
    box_destroy(a);
    box_destroy(b);
}

// Bad states -------------------------------------------------------------------------------------

static void expect_refused(struct box *b, const void *data, size_t len, const char *what, size_t at)
{
    bool ok = load(b, data, len);
    cr_expect(!ok, "%s at %zu was accepted", what, at);
    cr_expect(*error.text && !strchr(error.text, '\n'), "%s at %zu: not one line: '%s'", what, at,
              error.text);
}

Test(snapshot, damaged_states_are_refused)
{
    struct box *a = box_create("a", NULL), *b = box_create("b", NULL);
    run_to(a, UNTIL_READY);
    struct state_writer w = save(a);
    size_t len;
    for (size_t at = 0; at < w.len; at += len) {
        len = section_size(w.data + at);
        // A byte of each part of the header, and some of the contents.
        size_t places[] = {at + chance(8),
                           at + 31,
                           at + 32,
                           at + 36,
                           at + 40,
                           at + 47,
                           at + SECTION + chance(len - SECTION + 1),
                           at + len - 1};
        for (size_t n = 0; n < ARRAY_SIZE(places); n++) {
            if (places[n] >= at + len)
                continue;
            uint8_t old = w.data[places[n]];
            w.data[places[n]] ^= (uint8_t)(1 + chance(255));
            expect_refused(b, w.data, w.len, "a damaged byte", places[n]);
            w.data[places[n]] = old;
        }
        expect_refused(b, w.data, at, "an end", at);
        expect_refused(b, w.data, at + 1 + chance(len - 1), "an end after", at);
    }
    bool ok = load(b, w.data, w.len);
    cr_assert(ok, "%s", error.text);
    state_writer_fini(&w);
    box_destroy(a);
    box_destroy(b);
}

static void fix_checksum(uint8_t *section)
{
    uint32_t crc = (uint32_t)crc32_z(0, section + SECTION, section_size(section) - SECTION);
    memcpy(section + 36, &crc, sizeof crc);
}

// A state that somebody made up: refused, or a machine that runs on without harm to the host.
static unsigned try_forged(struct box *b, const struct state_writer *w, size_t at,
                           uint8_t *accepted)
{
    if (!load(b, w->data, w->len)) {
        cr_expect(*error.text && !strchr(error.text, '\n'), "forged %s: not one line: '%s'",
                  (char *)w->data + at, error.text);
        return 0;
    }
    b->m.request = MACHINE_GO_ON;
    uint64_t now = box_icount(b);
    if (now < UINT64_MAX - 20000)
        icount_run(&b->m, now + 20000);
    *accepted = 1;
    return 1;
}

Test(snapshot, forged_states_do_no_harm)
{
    struct box *a = box_create("a", NULL), *b = box_create("b", NULL);
    unsigned accepted = 0, tried = 0;
    run_to(a, UNTIL_READY);
    struct state_writer w = save(a);
    size_t len;
    for (size_t at = 0; at < w.len; at += len) {
        uint8_t *s = w.data + at, any = 0;
        len = section_size(s);
        bool ram = !strcmp((char *)s, "ram.pages");
        for (unsigned n = 0; n < (ram ? 4u : len == SECTION ? 0u : 40u); n++) {
            uint8_t *p = s + SECTION + chance(len - SECTION), old = *p;
            *p = n % 4 == 0 ? 0xff : n % 4 == 1 ? *p ^ 0x80 : (uint8_t)chance(256);
            fix_checksum(s);
            accepted += try_forged(b, &w, at, &any);
            tried++;
            *p = old;
            fix_checksum(s);
        }
    }
    cr_expect(accepted > 50 && accepted < tried - 50, "%u of %u forged states were accepted",
              accepted, tried);
    bool ok = load(b, w.data, w.len);
    cr_assert(ok, "%s", error.text);
    state_writer_fini(&w);
    box_destroy(a);
    box_destroy(b);
}

static void expect_other_shape(struct box *b, const struct state_writer *w, const char *text)
{
    start(b);
    bool ok = load(b, w->data, w->len);
    cr_expect(!ok && strstr(error.text, text), "'%s' was to be the complaint, not '%s'", text,
              error.text);
    box_destroy(b);
}

Test(snapshot, another_shape_is_refused)
{
    static const uint8_t empty[2 * DISK_SIZE];
    struct box *a = box_create("a", NULL), *b;
    struct state_writer w = save(a);
    b = calloc(1, sizeof *b);
    make_config(b, "b", empty, DISK_SIZE);
    b->config.ram_size = 17 * MIB;
    expect_other_shape(b, &w, "16 MiB of RAM");
    b = calloc(1, sizeof *b);
    make_config(b, "b", empty, 2 * DISK_SIZE);
    expect_other_shape(b, &w, "128 sectors");
    b = calloc(1, sizeof *b);
    make_config(b, "b", empty, DISK_SIZE);
    b->config.virtio_legacy = true;
    expect_other_shape(b, &w, "legacy");
    b = calloc(1, sizeof *b);
    make_config(b, "b", empty, DISK_SIZE);
    b->config.device_count--;
    expect_other_shape(b, &w, "device of type 5");
    memcpy(w.data + SECTION, "other", 6); // the model is the first thing in the first section
    fix_checksum(w.data);
    b = calloc(1, sizeof *b);
    make_config(b, "b", empty, DISK_SIZE);
    expect_other_shape(b, &w, "CPU model");
    state_writer_fini(&w);
    box_destroy(a);
}

// Files ------------------------------------------------------------------------------------------

static void expect_bad_file(struct box *b, const char *path, const char *text)
{
    error = (struct error){.text = ""};
    bool ok = machine_load_file(&b->m, path, &error);
    cr_expect(!ok && strstr(error.text, text) && strstr(error.text, path),
              "'%s' and the file's name were to be the complaint, not '%s'", text, error.text);
}

Test(snapshot, files)
{
    struct box *a = box_create("a", NULL), *b = box_create("b", NULL);
    char path[128], saved[128];
    snprintf(saved, sizeof saved, "%s", test_dir_path(&dir, "saved"));
    run_to(a, UNTIL_READY);
    bool ok = machine_save_file(&a->m, saved, &error);
    cr_assert(ok, "%s", error.text);
    run_to(a, UNTIL_READY + 1000);
    ok = machine_save_file(&a->m, saved, &error); // over the first one
    cr_assert(ok, "%s", error.text);
    ok = machine_load_file(&b->m, saved, &error);
    cr_assert(ok, "%s", error.text);
    expect_same_machines(a, b, "through a file", UNTIL_READY + 1000);

    ok = machine_save_file(&a->m, test_dir_path(&dir, "nowhere/saved"), &error);
    cr_expect(!ok && strstr(error.text, "nowhere/saved: "), "%s", error.text);
    glob_t g = {0};
    snprintf(path, sizeof path, "%s", test_dir_path(&dir, "saved?*"));
    cr_expect(glob(path, 0, NULL, &g) == GLOB_NOMATCH, "a temporary file is left: %s",
              g.gl_pathv[0]);

    FILE *f = fopen(saved, "rb");
    cr_assert(f);
    static uint8_t data[4 * MIB];
    size_t len = fread(data, 1, sizeof data, f);
    fclose(f);
    cr_assert(len > 10000 && len < sizeof data, "%zu bytes", len);
    expect_bad_file(b, test_dir_path(&dir, "missing"), "No such file");
    expect_bad_file(b, dir.path, "not a file");
    expect_bad_file(b, test_dir_write(&dir, "empty", "", 0), "not a snapshot");
    expect_bad_file(b, test_dir_write(&dir, "short", data, len / 2), "no section");
    data[len] = 0;
    expect_bad_file(b, test_dir_write(&dir, "long", data, len + 1), "something follows");
    data[0] ^= 1;
    expect_bad_file(b, test_dir_write(&dir, "other", data, len), "not a snapshot");
    box_destroy(a);
    box_destroy(b);
}

// The guest's worst ------------------------------------------------------------------------------

static struct box *box_with_code(const uint32_t *code, size_t words)
{
    static const uint8_t empty[DISK_SIZE];
    struct box *b = calloc(1, sizeof *b);
    make_config(b, "disk", empty, sizeof empty);
    start(b);
    memcpy(b->m.ram.host + 0x1000, code, words * 4);
    a64_cpu_reset(b->m.cpus[0], 0x40001000, 0);
    return b;
}

Test(snapshot, guests_that_do_nothing)
{
    // Vectors where nothing is.
    static const uint32_t stuck[] = {0xd2a40000u /* mov x0, #0x20000000 */,
                                     0xd518c000u /* msr vbar_el1, x0 */, 0xd4200000u /* brk */};
    static const uint32_t idle[] = {0xd503207fu /* wfi */, 0x17ffffffu /* b .-4 */};
    struct box *b = box_with_code(stuck, ARRAY_SIZE(stuck));
    enum icount_stop stop = icount_run(&b->m, 1000);
    cr_expect(stop == ICOUNT_STUCK, "%d", stop);
    box_destroy(b);
    b = box_with_code(idle, ARRAY_SIZE(idle));
    stop = icount_run(&b->m, 1000);
    cr_expect(stop == ICOUNT_IDLE && box_icount(b) == 1, "%d after %" PRIu64, stop, box_icount(b));
    box_destroy(b);
}

// Linux ------------------------------------------------------------------------------------------

// Debian's kernel from the guest cache (roms/fetch), if it is there.
static const char *find_kernel(void)
{
    static char pattern[512];
    const char *cache = getenv("ARMLET_CACHE"), *xdg = getenv("XDG_CACHE_HOME"),
               *home = getenv("HOME");
    static glob_t g;
    if (cache)
        snprintf(pattern, sizeof pattern, "%s", cache);
    else
        snprintf(pattern, sizeof pattern, "%s%s/armlet",
                 xdg    ? xdg
                 : home ? home
                        : "/root",
                 xdg ? "" : "/.cache");
    size_t n = strlen(pattern);
    snprintf(pattern + n, sizeof pattern - n, "/guest/linux-image-cloud-arm64/boot/vmlinuz-*");
    return glob(pattern, 0, NULL, &g) ? NULL : g.gl_pathv[0];
}

static struct box *linux_create(const char *kernel)
{
    static const uint8_t empty[DISK_SIZE];
    struct box *b = calloc(1, sizeof *b);
    make_config(b, "disk", empty, sizeof empty);
    b->config.ram_size = 256 * MIB;
    b->config.kernel = kernel;
    b->config.append = "earlycon console=ttyAMA0";
    b->config.drive_count = 0;
    b->config.devices[0].type = DEVICE_VIRTIO_RNG;
    start(b);
    return b;
}

Test(snapshot, debian_kernel)
{
    const char *kernel = find_kernel();
    if (!kernel)
        cr_skip_test("no Debian kernel in the guest cache (roms/fetch linux-image-cloud-arm64)");
    struct box *a = linux_create(kernel);
    // Here it finds its devices and prints much.
    uint64_t n = 82000000 + chance(5000000), more = 10000000;
    run_to(a, n);
    struct state_writer w = save(a), again;
    struct box *b = linux_create(kernel);
    bool ok = load(b, w.data, w.len);
    cr_assert(ok, "%s", error.text);
    again = save(b);
    expect_same(&w, &again, "Linux, saved and loaded and saved again at", n);
    cr_expect(strstr(said(a), "Linux version"), "Linux said: '%s'", said(a));
    buffer_clear(a->m.chardevs[0]);
    run_to(a, n + more);
    run_to(b, n + more);
    cr_expect(strlen(said(a)) > 100, "Linux said no more than '%s' after %" PRIu64, said(a), n);
    cr_expect_str_eq(said(a), said(b));
    expect_same_machines(a, b, "Linux, saved at", n);
    state_writer_fini(&w);
    state_writer_fini(&again);
    box_destroy(a);
    box_destroy(b);
}
