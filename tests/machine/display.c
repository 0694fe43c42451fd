// SPDX-License-Identifier: GPL-3.0-or-later
// Golden pictures: roms/src/display draws in every format through ramfb and virtio-gpu, and every
// pixel of what the displays then show is worked out here from the line that the guest prints.
// Deterministic: the machine is run by its instruction count.
#include "devices/char/buffer.h"
#include "devices/dma.h"
#include "machine/device_types.h"
#include "machine/icount.h"
#include "machine/snapshot.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define STEP 20000 // instructions between looks at what the guest has said
#define MOST UINT64_C(400000000)

static struct machine_config config;
static struct machine m;
static uint64_t icount;
static size_t read_up_to; // of the guest's output

static void configure(void)
{
    const char *guest = getenv("ARMLET_DISPLAY_GUEST");
    if (!guest)
        cr_skip_test("no guest: aarch64-linux-gnu-gcc was not found when the build was set up");
    machine_config_init(&config);
    config.ram_size = 32 << 20;
    config.kernel = guest;
    config.virtio_legacy = true; // virtio-gpu is modern all the same
    config.icount = config.seed_given = true;
    config.devices[0] = (struct config_device){.type = DEVICE_RAMFB};
    config.devices[1] = (struct config_device){.type = DEVICE_VIRTIO_GPU};
    config.devices[2] = (struct config_device){.type = DEVICE_SIMPLEFB};
    config.device_count = 3;
    config.chardevs[0].backend = CONFIG_CHAR_BUFFER;
    config.chardev_count = config.serial_count = 1;
}

static void setup(void)
{
    struct error err = {0};
    configure();
    cr_assert(machine_init(&m, &config, &err), "%s", err.text);
}

static void teardown(void)
{
    machine_fini(&m);
    machine_config_fini(&config);
}

TestSuite(display_rom, .init = setup, .fini = teardown, .timeout = 300);

// Runs until the guest has said another line.
static const char *next_line(void)
{
    static char line[128];
    for (;;) {
        const char *text = buffer_output(m.chardevs[0], NULL) + read_up_to;
        const char *end = strchr(text, '\n');
        if (end) {
            snprintf(line, sizeof line, "%.*s", (int)(end - text), text);
            read_up_to += (size_t)(end - text) + 1;
            return line;
        }
        icount += STEP;
        cr_assert(icount < MOST, "the guest says nothing more; it said: %s",
                  buffer_output(m.chardevs[0], NULL));
        icount_run(&m, icount);
    }
}

static struct display *find_display(const char *name)
{
    for (size_t i = 0; i < m.display_count; i++)
        if (!strcmp(m.displays[i]->name, name))
            return m.displays[i];
    cr_assert_fail("no display %s", name);
    return NULL;
}

// Eight bits as a format of `bits` bits keeps them and a display shows them.
static uint32_t kept(uint32_t c, unsigned bits)
{
    c &= 0xff;
    if (bits >= 8)
        return c;
    uint32_t v = c >> (8 - bits), repeated = v << (8 - bits) | v >> (2 * bits - 8);
    return repeated & 0xff;
}

struct picture {
    char device[32], format[8];
    unsigned bits[3];
    uint32_t width, height;
};

static uint32_t expected(const struct picture *p, uint32_t x, uint32_t y)
{
    bool pointer = !strcmp(p->device, "virtio-gpu-pointer");
    if (pointer && x - 30 < 64 && y - 20 < 64 && ((x - 30 + y - 20) & 1))
        return 0xff00ff00;
    uint32_t again = !strcmp(p->device, "ramfb-redrawn") && y >= p->height / 2 ? 0xff : 0;
    return 0xff000000 | kept(x * 255 / (p->width - 1), p->bits[0]) << 16 |
           kept(y * 255 / (p->height - 1), p->bits[1]) << 8 |
           kept(7 * x ^ 13 * y ^ again, p->bits[2]);
}

static void check_pixels(const struct picture *p, const uint32_t *pixels)
{
    for (uint32_t y = 0; y < p->height; y++)
        for (uint32_t x = 0; x < p->width; x++) {
            uint32_t got = pixels[y * p->width + x], want = expected(p, x, y);
            cr_assert(got == want, "%s %s: pixel %u,%u is 0x%08x, not 0x%08x", p->device, p->format,
                      x, y, got, want);
        }
}

// As a front end that keeps a picture and copies damaged lines into it.
struct follower {
    struct display_view view;
    uint32_t *pixels;
    uint32_t width, height;
    unsigned lines; // copied the last time
};

static void follow(struct follower *f)
{
    struct display_frame frame;
    uint32_t first = 0, n;
    f->lines = 0;
    if (!display_take(&f->view, &frame))
        return;
    if (frame.changed & DISPLAY_CHANGED_MODE) {
        f->width = frame.surface.width;
        f->height = frame.surface.height;
        f->pixels = realloc(f->pixels, (size_t)4 * f->width * f->height + 4);
    }
    while ((n = display_frame_next(&frame, &first))) {
        display_convert(&frame.surface, first, n, f->pixels + (size_t)first * f->width,
                        (size_t)4 * f->width);
        first += n;
        f->lines += n;
    }
    display_frame_release(&frame);
}

static void check_picture(const struct picture *p, struct follower *f)
{
    bool ramfb = !strncmp(p->device, "ramfb", 5),
         pointer = !strcmp(p->device, "virtio-gpu-pointer");
    struct display *d = find_display(ramfb ? "ramfb" : "virtio-gpu");
    struct display_image image;
    struct error err = {0};
    cr_assert(display_snapshot(d, true, &image, &err), "%s", err.text);
    cr_assert(image.width == p->width && image.height == p->height, "%s %s is %ux%u, not %ux%u",
              p->device, p->format, image.width, image.height, p->width, p->height);
    check_pixels(p, image.pixels);
    display_image_fini(&image);
    follow(&f[ramfb]);
    if (!pointer) // which is a front end's to draw
        check_pixels(p, f[ramfb].pixels);
    // Written pages are told by the line, and hold three lines at most.
    if (!strcmp(p->device, "ramfb-redrawn"))
        cr_assert(f[ramfb].lines >= p->height / 2 && f[ramfb].lines <= p->height / 2 + 4,
                  "%u lines copied", f[ramfb].lines);
    follow(&f[ramfb]);
    follow(&f[ramfb]);
    cr_assert(!f[ramfb].lines, "%u lines copied of what stands still", f[ramfb].lines);
}

Test(display_rom, every_pixel)
{
    struct follower f[2] = {0};
    unsigned pictures[2] = {0};
    const char *line;
    cr_assert(display_attach(find_display("virtio-gpu"), &f[0].view, NULL, NULL));
    cr_assert(display_attach(find_display("ramfb"), &f[1].view, NULL, NULL));
    cr_assert_eq(m.display_count, 3u);
    cr_assert(m.displays[0] == find_display("simple-framebuffer"));
    cr_assert(m.displays[1] == find_display("ramfb"));
    while (strcmp(line = next_line(), "done")) {
        struct picture p;
        int n = sscanf(line, "%31s %7s %u %u %u %u %u", p.device, p.format, &p.bits[0], &p.bits[1],
                       &p.bits[2], &p.width, &p.height);
        cr_assert(n == 7, "the guest says \"%s\"", line);
        check_picture(&p, f);
        pictures[!strncmp(p.device, "ramfb", 5)]++;
        buffer_input(m.chardevs[0], "\n", 1);
    }
    cr_assert(pictures[0] == 11 && pictures[1] == 23, "%u and %u pictures", pictures[0],
              pictures[1]);
    for (unsigned i = 0; i < 2; i++) {
        display_detach(&f[i].view);
        free(f[i].pixels);
    }
}

// A machine that shows pictures, loaded into another one, shows the same there, and goes on.
Test(display_rom, saved_and_loaded)
{
    static struct machine other;
    struct state_writer w;
    struct state_reader r;
    struct error err = {0};
    const char *line;
    while (strncmp(line = next_line(), "virtio-gpu-pointer", 18))
        buffer_input(m.chardevs[0], "\n", 1);
    uint64_t size;
    memset(dma_ptr(&m.bus, 0x0b000000, 4096, true), 0x5a, 4096); // simple-framebuffer's
    state_writer_init(&w);
    machine_save(&m, &w);
    cr_assert(machine_init(&other, &config, &err), "%s", err.text);
    state_reader_init(&r, w.data, w.len);
    cr_assert(machine_load(&other, &r, &err), "%s", err.text);
    for (size_t i = 0; i < m.display_count; i++) {
        struct display_image a, b;
        cr_assert(display_snapshot(m.displays[i], true, &a, &err), "%s", err.text);
        cr_assert(display_snapshot(other.displays[i], true, &b, &err), "%s", err.text);
        cr_assert(a.width == b.width && a.height == b.height, "%s: %ux%u, not %ux%u",
                  m.displays[i]->name, b.width, b.height, a.width, a.height);
        size = (uint64_t)4 * a.width * a.height;
        cr_assert(!memcmp(a.pixels, b.pixels, size), "%s: another picture", m.displays[i]->name);
        display_image_fini(&a);
        display_image_fini(&b);
    }
    buffer_input(other.chardevs[0], "\n", 1);
    icount_run(&other, icount + 100 * STEP);
    cr_assert(strstr(buffer_output(other.chardevs[0], NULL), "done"), "the loaded guest says: %s",
              buffer_output(other.chardevs[0], NULL));
    state_writer_fini(&w);
    machine_fini(&other);
}
