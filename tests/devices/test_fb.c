// SPDX-License-Identifier: GPL-3.0-or-later
// Framebuffers that the guest draws into: ramfb behind fw_cfg, simple-framebuffer.
#include "bench.h"
#include "devices/ramfb.h"
#include "devices/simplefb.h"

#include <endian.h>
#include <libfdt.h>
#include <string.h>

#define KEY     FW_CFG_FILE_FIRST // the only file
#define CONTROL (RAM_BASE + 0x100)
#define FILE_AT (RAM_BASE + 0x200)
#define PIXELS  (RAM_BASE + 0x1000)

static struct bench b;
static struct device *fw, *fb;
static struct display *display;

static void setup(void)
{
    struct error err;
    bench_init(&b);
    struct fw_cfg *f = fw_cfg_create("fw-cfg", &b.bus, NULL);
    fw = fw_cfg_device(f);
    cr_assert(bus_map(&b.bus, DEV_BASE, fw, &err));
    fb = ramfb_create("ramfb", &b.bus, f, NULL);
    display = ramfb_display(fb);
}

static void teardown(void)
{
    device_destroy(fb);
    device_destroy(fw);
    bench_fini(&b);
}

TestSuite(ramfb, .init = setup, .fini = teardown);

struct file {
    uint64_t addr;
    uint32_t fourcc, flags, width, height, stride;
} __attribute__((packed));

// Has the guest write the file by DMA.
static void set(uint64_t addr, uint32_t fourcc, uint32_t width, uint32_t height, uint32_t stride)
{
    struct file f = {htobe64(addr),  htobe32(fourcc), 0,
                     htobe32(width), htobe32(height), htobe32(stride)};
    uint32_t head[2] = {htobe32(KEY << 16 | 8 | 16), htobe32(sizeof f)}; // select, write
    uint64_t at = htobe64(FILE_AT);
    memcpy(b.ram + (FILE_AT - RAM_BASE), &f, sizeof f);
    memcpy(b.ram + (CONTROL - RAM_BASE), head, sizeof head);
    memcpy(b.ram + (CONTROL - RAM_BASE) + 8, &at, sizeof at);
    bench_write(&b, DEV_BASE + 16, 8, htobe64(CONTROL));
    EXPECT(bench_read(&b, CONTROL, 4), 0);
}

#define XR24 0x34325258

Test(ramfb, every_format)
{
    struct display_image image;
    struct error err;
    enum { W = 37, H = 9 };
    cr_assert(!display_is_on(display));
    for (int f = 0; f < DISPLAY_FORMATS; f++)
        for (int padded = 0; padded < 2; padded++) {
            const struct display_format_info *i = display_format_info(f);
            uint32_t line = W * i->bytes, stride = padded ? line + 12 : 0;
            for (unsigned n = 0; n < 0x1000; n++)
                b.ram[PIXELS - RAM_BASE + n] = (uint8_t)(n * 37 + (unsigned)f);
            set(PIXELS, i->fourcc, W, H, stride);
            cr_assert(display_snapshot(display, false, &image, &err), "%s: off", i->name);
            for (unsigned y = 0; y < H; y++) {
                uint32_t want[W];
                display_convert_line_ref(
                    f, want, b.ram + (PIXELS - RAM_BASE) + y * (stride ? stride : line), W);
                cr_assert(!memcmp(want, image.pixels + y * W, sizeof want),
                          "%s, stride %u: line %u", i->name, stride, y);
            }
            display_image_fini(&image);
        }
}

// What cannot be shown leaves the picture as it was.
Test(ramfb, refuses)
{
    static const struct file bad[] = {
        {PIXELS, 0, 0, 8, 8, 32},
        {PIXELS, 0x31313131, 0, 8, 8, 32},
        {PIXELS, XR24, 0, 0, 8, 32},
        {PIXELS, XR24, 0, 8, 0, 32},
        {PIXELS, XR24, 0, 8, 8, 31},
        {PIXELS, XR24, 0, DISPLAY_MAX_WIDTH + 1, 1, 0},
        {PIXELS, XR24, 0, 1, DISPLAY_MAX_HEIGHT + 1, 0},
        {PIXELS, XR24, 0, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {PIXELS, XR24, 0, 0x40000001, 2, 4}, // 4 * width wraps in 32 bits
        {RAM_BASE + RAM_SIZE - 31, XR24, 0, 8, 1, 32},
        {RAM_BASE + RAM_SIZE - 63, XR24, 0, 8, 2, 32},
        {RAM_BASE - 1, XR24, 0, 8, 1, 32},
        {UINT64_MAX - 15, XR24, 0, 8, 1, 32},
        {DEV_BASE, XR24, 0, 1, 1, 4}, // registers are not RAM
        {PIXELS, XR24, 0, 8, 2, UINT32_MAX},
    };
    struct display_view v;
    struct display_frame f;
    cr_assert(display_attach(display, &v, NULL, NULL));
    set(PIXELS, XR24, 8, 8, 0);
    cr_assert(display_take(&v, &f));
    display_frame_release(&f);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        const struct file *c = &bad[i];
        set(c->addr, c->fourcc, c->width, c->height, c->stride);
        cr_assert(!display_take(&v, &f), "configuration %zu was shown", i);
        cr_assert(display_is_on(display));
    }
    set(RAM_BASE + RAM_SIZE - 32, XR24, 8, 1, UINT32_MAX); // the stride of one line is nobody's
    cr_assert(display_take(&v, &f));
    EXPECT(f.surface.height, 1);
    display_frame_release(&f);
    device_reset(fb);
    cr_assert(!display_is_on(display));
    display_detach(&v);
}

// Whatever the file says, what is shown can be read (under the sanitizers).
Test(ramfb, random, .timeout = 60)
{
    uint64_t x = 88172645463325252u;
    unsigned shown = 0;
    for (unsigned i = 0; i < 20000; i++) {
        uint32_t v[6];
        for (unsigned n = 0; n < 6; n++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            v[n] = (uint32_t)(x >> 32) >> (x >> 27) % 32;
        }
        uint32_t fourcc = v[0] % 8 ? display_format_info(v[0] % DISPLAY_FORMATS)->fourcc : v[0];
        uint64_t at = v[1] % 4 ? RAM_BASE + v[1] % RAM_SIZE : (uint64_t)v[1] << v[0] % 32;
        uint32_t stride = v[2] % 2 ? 0 : v[3];
        set(at, fourcc, v[4] % 4 ? v[4] % 300 : v[4], v[5] % 4 ? v[5] % 300 : v[5], stride);
        struct display_image image;
        struct error err;
        if (i % 8 == 0 && display_snapshot(display, false, &image, &err)) {
            shown++;
            display_image_fini(&image);
        }
        if (i % 1000 == 0)
            bench_copy_state(fb, fb);
    }
    cr_assert(shown > 100, "something was shown %u times", shown);
}

Test(ramfb, state)
{
    struct bench other;
    struct fw_cfg *fw2;
    struct display_view v;
    struct display_frame f;
    bench_init(&other);
    fw2 = fw_cfg_create("fw-cfg", &other.bus, NULL);
    struct device *fb2 = ramfb_create("ramfb", &other.bus, fw2, NULL);
    bench_copy_state(fb, fb2); // off
    cr_assert(!display_is_on(ramfb_display(fb2)));
    set(PIXELS, XR24, 8, 4, 48);
    set(0, 0, 0, 0, 0); // what is in the file and what is shown are two things
    bench_copy_state(fb, fb2);
    cr_assert(display_attach(ramfb_display(fb2), &v, NULL, NULL));
    cr_assert(display_take(&v, &f));
    EXPECT(f.surface.stride, 48);
    EXPECT(f.surface.height, 4);
    cr_assert(f.surface.data == other.ram + (PIXELS - RAM_BASE));
    display_frame_release(&f);
    bench_refuses_corruption(fb);
    cr_assert(!bench_load_damaged(fb, fb2, 0, 56, 2));    // on
    cr_assert(!bench_load_damaged(fb, fb2, 0, 33, 1));    // address, beyond RAM
    cr_assert(!bench_load_damaged(fb, fb2, 0, 36, 1));    // format
    cr_assert(!bench_load_damaged(fb, fb2, 0, 45, 0xff)); // width
    display_detach(&v);
    device_destroy(fb2);
    device_destroy(fw_cfg_device(fw2));
    bench_fini(&other);
}

// simple-framebuffer ------------------------------------------------------------------------------

Test(simplefb, draws_and_says_so)
{
    static char fdt[4096];
    struct error err = {0};
    uint64_t size;
    struct simplefb_config config = {100, 30, DISPLAY_RGB565, 0xb000000};
    struct device *dev = simplefb_create("fb", &config, &err);
    cr_assert(dev, "%s", err.text);
    uint8_t *memory = simplefb_memory(dev, &size);
    EXPECT(size, 8192);
    memory[200] = 0x00, memory[201] = 0xf8; // red, first of the second line
    struct display_image image;
    cr_assert(display_snapshot(simplefb_display(dev), false, &image, &err));
    EXPECT(image.width, 100);
    EXPECT(image.height, 30);
    EXPECT(image.pixels[100], 0xffff0000);
    display_image_fini(&image);

    struct fdt_place place = {.base = 0xb000000, .spi = -1};
    fdt_create(fdt, sizeof fdt);
    fdt_finish_reservemap(fdt);
    fdt_begin_node(fdt, "");
    EXPECT(dev->ops->fdt_node(dev->opaque, fdt, &place), 0);
    fdt_end_node(fdt);
    EXPECT(fdt_finish(fdt), 0);
    int node = fdt_path_offset(fdt, "/framebuffer@b000000");
    cr_assert(node > 0);
    EXPECT(fdt_node_check_compatible(fdt, node, "simple-framebuffer"), 0);
    EXPECT(fdt32_to_cpu(*(fdt32_t *)fdt_getprop(fdt, node, "width", NULL)), 100);
    EXPECT(fdt32_to_cpu(*(fdt32_t *)fdt_getprop(fdt, node, "height", NULL)), 30);
    EXPECT(fdt32_to_cpu(*(fdt32_t *)fdt_getprop(fdt, node, "stride", NULL)), 200);
    cr_assert(!strcmp(fdt_getprop(fdt, node, "format", NULL), "r5g6b5"));

    struct device *other = simplefb_create("fb", &config, &err);
    bench_copy_state(dev, other);
    EXPECT(simplefb_memory(other, &size)[201], 0xf8);
    config.width = 99;
    struct device *narrow = simplefb_create("fb", &config, &err);
    cr_assert(!bench_load_damaged(dev, narrow, 0, 0, 0));
    device_reset(dev);
    EXPECT(memory[201], 0);
    device_destroy(dev);
    device_destroy(other);
    device_destroy(narrow);
}

Test(simplefb, refuses_modes)
{
    static const struct simplefb_config bad[] = {
        {0, 1, DISPLAY_XRGB8888, 0},
        {1, 0, DISPLAY_XRGB8888, 0},
        {DISPLAY_MAX_WIDTH, DISPLAY_MAX_HEIGHT, DISPLAY_XRGB8888, 0},
        {UINT32_MAX, 2, DISPLAY_XRGB8888, 0},
        {10, 10, DISPLAY_BGRX8888, 0}, // no name in a device tree
        {10, 10, DISPLAY_NO_FORMAT, 0},
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct error err = {0};
        cr_assert(!simplefb_create("fb", &bad[i], &err), "mode %zu", i);
        cr_assert(strstr(err.text, "fb:"), "%s", err.text);
    }
}
