// SPDX-License-Identifier: GPL-3.0-or-later
#include "gpu_driver.h"

#include <stdlib.h>
#include <string.h>

enum {
    OK = VIRTIO_GPU_RESP_OK_NODATA,
    UNSPEC = VIRTIO_GPU_RESP_ERR_UNSPEC,
    NO_MEMORY = VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY,
    BAD_SCANOUT = VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID,
    BAD_RESOURCE = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID,
    BAD_PARAMETER = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
    BGRX = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
};

static struct gpu_bed g;
static struct display_view view;
static struct display_frame frame;

static void setup(void)
{
    gpu_bed_init(&g, 0);
    cr_assert(display_attach(g.display, &view, NULL, NULL));
}

static void teardown(void)
{
    display_detach(&view);
    gpu_bed_fini(&g);
}

TestSuite(gpu, .init = setup, .fini = teardown);

// Lines that were damaged since the last look; the frame is released.
static void expect_damage(uint32_t first, uint32_t count)
{
    bool got = display_take(&view, &frame);
    cr_assert(got == !!count, "take says %d", got);
    if (!got)
        return;
    for (uint32_t line = 0; line < frame.surface.height; line++)
        cr_assert(display_frame_line(&frame, line) == (line - first < count), "line %u", line);
    display_frame_release(&frame);
}

static uint32_t shown(uint32_t x, uint32_t y)
{
    struct display_image image;
    struct error err;
    cr_assert(display_snapshot(g.display, false, &image, &err), "%s", err.text);
    cr_assert(x < image.width && y < image.height);
    uint32_t pixel = image.pixels[y * image.width + x];
    display_image_fini(&image);
    return pixel;
}

// A resource of w x h with all its backing in one piece.
static void make(uint32_t id, uint32_t format, uint32_t w, uint32_t h)
{
    gpa_t at = GPU_MEMORY;
    uint32_t len = 4 * w * h;
    EXPECT(gpu_create(&g, id, format, w, h), OK);
    EXPECT(gpu_attach(&g, id, 1, &at, &len), OK);
}

Test(gpu, says_what_it_is)
{
    EXPECT(rd(&g.b, 4), 2);
    EXPECT(rd(&g.b, 8), 16);
    EXPECT(rd(&g.b, 0x100), 0);
    EXPECT(rd(&g.b, 0x108), 1); // scanouts
    EXPECT(rd(&g.b, 0x10c), 0); // capability sets
    struct virtio_gpu_ctrl_hdr ask = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_gpu_resp_display_info info;
    EXPECT(gpu_send(&g, &ask, sizeof ask, &info, sizeof info), sizeof info);
    EXPECT(info.hdr.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
    EXPECT(info.pmodes[0].enabled, 1);
    EXPECT(info.pmodes[0].r.width, 640);
    EXPECT(info.pmodes[0].r.height, 400);
    EXPECT(info.pmodes[1].enabled, 0);
    struct virtio_gpu_cmd_get_edid get = {{.type = VIRTIO_GPU_CMD_GET_EDID}, 0, 0};
    struct virtio_gpu_resp_edid edid;
    EXPECT(gpu_send(&g, &get, sizeof get, &edid, sizeof edid), sizeof edid);
    EXPECT(edid.hdr.type, VIRTIO_GPU_RESP_OK_EDID);
    EXPECT(edid.size, 128);
    EXPECT(edid.edid[54 + 2] | edid.edid[54 + 4] >> 4 << 8, 640);
    // An answer that does not fit is an error that does.
    EXPECT(gpu_send(&g, &get, sizeof get, &edid, 500), 24);
    EXPECT(edid.hdr.type, BAD_PARAMETER);
    get.scanout = 1;
    EXPECT(gpu_send(&g, &get, sizeof get, &edid, sizeof edid), 24);
    EXPECT(edid.hdr.type, BAD_SCANOUT);
}

// The bytes of a pixel in the order of the format's name, for red 1, green 2, blue 3.
Test(gpu, every_format)
{
    static const struct {
        uint32_t format;
        const char *bytes;
    } formats[] = {
        {1, "BGRA"},  {2, "BGRX"},  {3, "ARGB"},   {4, "XRGB"},
        {67, "RGBA"}, {68, "XBGR"}, {121, "ABGR"}, {134, "RGBX"},
    };
    for (size_t i = 0; i < ARRAY_SIZE(formats); i++) {
        uint8_t *p = g.b.ram + (GPU_MEMORY - RAM_BASE);
        for (unsigned n = 0; n < 16 * 16; n++)
            for (unsigned c = 0; c < 4; c++) {
                char name = formats[i].bytes[c];
                p[4 * n + c] = name == 'R' ? n : name == 'G' ? n + 1 : name == 'B' ? n + 2 : 77;
            }
        make(7, formats[i].format, 16, 16);
        EXPECT(gpu_scanout(&g, 0, 7, 0, 0, 16, 16), OK);
        EXPECT(shown(1, 1), 0xff000000); // nothing transferred yet
        EXPECT(gpu_transfer(&g, 7, 0, 0, 16, 16, 0), OK);
        EXPECT(gpu_flush(&g, 7, 0, 0, 16, 16), OK);
        for (uint32_t n = 0; n < 256; n += 15) {
            uint32_t want = 0xff000000 | n << 16 | ((n + 1) & 255) << 8 | ((n + 2) & 255);
            EXPECT(shown(n % 16, n / 16), want);
        }
        EXPECT(gpu_unref(&g, 7), OK);
        cr_assert(!display_is_on(g.display));
    }
}

// Backing in pieces that end within lines and pixels, parts of the picture, lines damaged.
Test(gpu, parts)
{
    enum { W = 20, H = 30 };
    uint32_t *p = (uint32_t *)(void *)(g.b.ram + (GPU_MEMORY - RAM_BASE));
    gpa_t at[4] = {GPU_MEMORY, GPU_MEMORY + 1000, GPU_MEMORY + 1003, GPU_MEMORY + 1004};
    uint32_t len[4] = {1000, 3, 1, 4 * W * H - 1004};
    for (unsigned i = 0; i < W * H; i++)
        p[i] = i + 1;
    EXPECT(gpu_create(&g, 1, BGRX, W, H), OK);
    EXPECT(gpu_attach(&g, 1, 4, at, len), OK);
    EXPECT(gpu_scanout(&g, 0, 1, 0, 0, W, H), OK);
    expect_damage(0, H);
    EXPECT(gpu_transfer(&g, 1, 3, 10, 5, 7, 4 * (10 * W + 3)), OK);
    EXPECT(gpu_flush(&g, 1, 3, 10, 5, 7), OK);
    expect_damage(10, 7);
    for (uint32_t y = 0; y < H; y++)
        for (uint32_t x = 0; x < W; x++) {
            bool in = x - 3 < 5 && y - 10 < 7;
            EXPECT(shown(x, y), 0xff000000 | (in ? y * W + x + 1 : 0));
        }
    EXPECT(gpu_transfer(&g, 1, 0, 0, W, H, 0), OK); // and the whole
    EXPECT(shown(19, 29), 0xff000000 | (W * H));
    EXPECT(gpu_transfer(&g, 1, 0, 0, W, 1, 4 * W), OK); // another line of the backing
    EXPECT(shown(0, 0), 0xff000000 | (W + 1));
    // A scanout of a part: its lines count from its own first.
    EXPECT(gpu_scanout(&g, 0, 1, 4, 10, 8, 12), OK);
    EXPECT(shown(0, 0), 0xff000000 | (10 * W + 4 + 1));
    EXPECT(shown(7, 11), 0xff000000 | (21 * W + 11 + 1));
    expect_damage(0, 12);
    EXPECT(gpu_flush(&g, 1, 0, 0, W, 12), OK);
    expect_damage(0, 2);
    EXPECT(gpu_flush(&g, 1, 11, 20, 1, 10), OK);
    expect_damage(10, 2);
    EXPECT(gpu_flush(&g, 1, 0, 0, W, 10), OK); // above
    EXPECT(gpu_flush(&g, 1, 0, 22, W, 8), OK); // below
    EXPECT(gpu_flush(&g, 1, 0, 0, 4, H), OK);  // left
    EXPECT(gpu_flush(&g, 1, 12, 0, 8, H), OK); // right
    expect_damage(0, 0);
    EXPECT(gpu_scanout(&g, 0, 0, 0, 0, 0, 0), OK);
    cr_assert(!display_is_on(g.display));
}

Test(gpu, page_flips)
{
    make(1, BGRX, 32, 32);
    make(2, BGRX, 32, 32);
    EXPECT(gpu_scanout(&g, 0, 1, 0, 0, 32, 32), OK);
    cr_assert(display_take(&view, &frame));
    EXPECT(gpu_unref(&g, 1), OK); // the frame holds the pixels
    EXPECT(frame.surface.data[32 * 32 * 4 - 1], 0);
    display_frame_release(&frame);
    EXPECT(gpu_scanout(&g, 0, 2, 0, 0, 32, 32), OK);
    cr_assert(display_take(&view, &frame));
    display_frame_release(&frame);
    make(1, BGRX, 32, 32);
    EXPECT(gpu_scanout(&g, 0, 1, 0, 0, 32, 32), OK);
    cr_assert(display_take(&view, &frame));
    EXPECT(frame.changed, DISPLAY_CHANGED_DAMAGE); // no change of mode
    display_frame_release(&frame);
}

Test(gpu, refuses)
{
    gpa_t at[2] = {GPU_MEMORY, RAM_BASE + RAM_SIZE - 100};
    uint32_t len[2] = {4 * 16 * 16, 101};
    EXPECT(gpu_create(&g, 0, BGRX, 16, 16), BAD_RESOURCE);
    EXPECT(gpu_create(&g, 1, 0, 16, 16), BAD_PARAMETER);
    EXPECT(gpu_create(&g, 1, 5, 16, 16), BAD_PARAMETER);
    EXPECT(gpu_create(&g, 1, BGRX, 0, 16), BAD_PARAMETER);
    EXPECT(gpu_create(&g, 1, BGRX, 16, 0), BAD_PARAMETER);
    EXPECT(gpu_create(&g, 1, BGRX, 8193, 1), BAD_PARAMETER);
    EXPECT(gpu_create(&g, 1, BGRX, UINT32_MAX, UINT32_MAX), BAD_PARAMETER);
    EXPECT(gpu_create(&g, 1, BGRX, 8192, 8192), NO_MEMORY); // 256 MiB and its bookkeeping
    EXPECT(gpu_create(&g, 1, BGRX, 16, 16), OK);
    EXPECT(gpu_create(&g, 1, BGRX, 16, 16), BAD_RESOURCE);
    EXPECT(gpu_unref(&g, 2), BAD_RESOURCE);
    EXPECT(gpu_unref(&g, 0), BAD_RESOURCE);
    // backing
    EXPECT(gpu_transfer(&g, 1, 0, 0, 16, 16, 0), UNSPEC); // none
    EXPECT(gpu_detach(&g, 1), UNSPEC);
    EXPECT(gpu_detach(&g, 65), BAD_RESOURCE); // same bucket
    EXPECT(gpu_attach(&g, 2, 1, at, len), BAD_RESOURCE);
    EXPECT(gpu_attach(&g, 1, 2, at, len), BAD_PARAMETER); // a byte beyond RAM
    EXPECT(gpu_attach(&g, 1, 0, at, len), BAD_PARAMETER);
    at[0] = DEV_BASE;
    EXPECT(gpu_attach(&g, 1, 1, at, len), BAD_PARAMETER);
    at[0] = UINT64_MAX - 10;
    EXPECT(gpu_attach(&g, 1, 1, at, len), BAD_PARAMETER);
    at[0] = GPU_MEMORY;
    len[0] = 0;
    EXPECT(gpu_attach(&g, 1, 1, at, len), BAD_PARAMETER);
    len[0] = 4 * 16 * 16;
    struct virtio_gpu_resource_attach_backing many = {
        {.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING}, 1, 1};
    struct virtio_gpu_ctrl_hdr answer;
    for (uint32_t n = 1; n; n = n == 1 ? 16385 : n == 16385 ? 0x10000001 : 0) {
        many.nr_entries = n; // more than was sent
        gpu_send(&g, &many, sizeof many, &answer, sizeof answer);
        EXPECT(answer.type, BAD_PARAMETER);
    }
    EXPECT(gpu_attach(&g, 1, 1, at, len), OK);
    EXPECT(gpu_attach(&g, 1, 1, at, len), UNSPEC); // there is one
    // transfer: rectangles and offsets
    EXPECT(gpu_transfer(&g, 2, 0, 0, 1, 1, 0), BAD_RESOURCE);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 0, 1, 0), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 17, 1, 0), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 16, 0, 1, 1, 0), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 1, 0, UINT32_MAX, 1, 0), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, UINT32_MAX, 0, 2, 1, 0), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 0, UINT32_MAX, 1, 2, 0), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 16, 16, 1), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 1, 1, 1021), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 1, 1, UINT64_MAX), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 1, 1, UINT64_MAX - 3), BAD_PARAMETER);
    EXPECT(gpu_transfer(&g, 1, 15, 15, 1, 1, 1020), OK);
    // scanout, flush
    EXPECT(gpu_scanout(&g, 1, 1, 0, 0, 16, 16), BAD_SCANOUT);
    EXPECT(gpu_scanout(&g, UINT32_MAX, 0, 0, 0, 16, 16), BAD_SCANOUT);
    EXPECT(gpu_scanout(&g, 0, 2, 0, 0, 16, 16), BAD_RESOURCE);
    EXPECT(gpu_scanout(&g, 0, 1, 0, 0, 17, 16), BAD_PARAMETER);
    EXPECT(gpu_scanout(&g, 0, 1, 0, 0, 0, 16), BAD_PARAMETER);
    EXPECT(gpu_scanout(&g, 0, 1, 8, 0, UINT32_MAX - 7, 16), BAD_PARAMETER);
    EXPECT(gpu_scanout(&g, 0, 1, 15, 15, 1, 1), OK);
    EXPECT(gpu_flush(&g, 2, 0, 0, 1, 1), BAD_RESOURCE);
    EXPECT(gpu_flush(&g, 1, 0, 0, 16, 17), BAD_PARAMETER);
    EXPECT(gpu_flush(&g, 1, 0, 1, 16, UINT32_MAX), BAD_PARAMETER);
    EXPECT(driver_status(&g.control), 15); // after all of which the device still serves
}

// Requests cut short, types that are none, no room for an answer.
Test(gpu, short_requests)
{
    uint8_t request[64] = {0}, answer[64];
    static const uint32_t types[] = {0x100, 0x101, 0x102, 0x103, 0x104, 0x105, 0x106, 0x107,
                                     0x10a, 0,     0x108, 0x109, 0x10b, 0x200, 0x207, UINT32_MAX};
    for (size_t i = 0; i < ARRAY_SIZE(types); i++)
        for (uint32_t len = 1; len <= sizeof request; len += 1 + len / 30) {
            memcpy(request, &types[i], 4);
            uint32_t used = gpu_send(&g, request, len, answer, 24), type;
            EXPECT(used, 24);
            memcpy(&type, answer, 4);
            cr_assert(type >= UNSPEC || len >= 24, "type 0x%x of %u bytes: 0x%x", types[i], len,
                      type);
            gpu_send(&g, request, len, NULL, 0);
            EXPECT(gpu_send(&g, request, len, answer, 5), 5);
        }
}

Test(gpu, fences)
{
    struct virtio_gpu_resource_unref c = {.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
                                                  .flags = VIRTIO_GPU_FLAG_FENCE,
                                                  .fence_id = 0x123456789abcdef0,
                                                  .ctx_id = 5},
                                          .resource_id = 9};
    struct virtio_gpu_ctrl_hdr answer;
    gpu_send(&g, &c, sizeof c, &answer, sizeof answer);
    EXPECT(answer.type, BAD_RESOURCE);
    EXPECT(answer.flags, VIRTIO_GPU_FLAG_FENCE);
    EXPECT(answer.fence_id, 0x123456789abcdef0);
    EXPECT(answer.ctx_id, 5);
    c.hdr.flags = 0;
    gpu_send(&g, &c, sizeof c, &answer, sizeof answer);
    EXPECT(answer.flags, 0);
    EXPECT(answer.fence_id, 0);
}

Test(gpu, memory_is_bounded)
{
    uint32_t n = 0, answer;
    gpa_t at[64];
    uint32_t len[64];
    display_detach(&view);
    gpu_bed_fini(&g);
    gpu_bed_init(&g, 1 << 20);
    while ((answer = gpu_create(&g, n + 1, BGRX, 100, 100)) == OK)
        n++;
    EXPECT(answer, NO_MEMORY);
    EXPECT(n, 26); // of 40000 bytes and a little
    EXPECT(gpu_unref(&g, 3), OK);
    EXPECT(gpu_create(&g, 100, BGRX, 100, 100), OK);
    while ((answer = gpu_create(&g, ++n + 200, BGRX, 1, 1)) == OK) // small ones count too
        cr_assert(n < 10000);
    EXPECT(answer, NO_MEMORY);
    for (unsigned i = 0; i < 64; i++) {
        at[i] = GPU_MEMORY;
        len[i] = 4096;
    }
    EXPECT(gpu_attach(&g, 100, 64, at, len), NO_MEMORY);
    wr(&g.b, 0x70, 0); // a reset gives it all back
    driver_restart(&g.control);
    g.answers = 0;
    EXPECT(gpu_create(&g, 1, BGRX, 500, 500), OK);
    cr_assert(display_attach(g.display, &view, NULL, NULL));
}

static void cursor(uint32_t type, uint32_t id, uint32_t x, uint32_t y, uint32_t hot)
{
    struct virtio_gpu_update_cursor c = {{.type = type}, {0, x, y, 0}, id, hot, hot, 0};
    gpu_send_cursor(&g, &c, sizeof c);
}

Test(gpu, cursor)
{
    uint32_t *p = (uint32_t *)(void *)(g.b.ram + (GPU_MEMORY - RAM_BASE));
    for (unsigned i = 0; i < 64 * 64; i++)
        p[i] = 0x80402010 + i;
    make(1, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 64, 64);
    make(2, BGRX, 8, 4);
    make(3, BGRX, 65, 64);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 64, 64, 0), OK);
    EXPECT(gpu_transfer(&g, 2, 0, 0, 8, 4, 0), OK);
    expect_damage(0, 1); // the first look: off, no lines
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 10, (uint32_t)-20, 3);
    cr_assert(display_take(&view, &frame));
    EXPECT(frame.changed, DISPLAY_CHANGED_CURSOR | DISPLAY_CHANGED_POINTER);
    EXPECT(frame.pointer.x, 10);
    EXPECT(frame.pointer.y, -20);
    const struct display_cursor *c = frame.pointer.cursor;
    EXPECT(c->width, 64);
    EXPECT(c->hot_x, 3);
    EXPECT(c->pixels[0], 0x80102040); // R, G, B, A in memory
    display_frame_release(&frame);
    cursor(VIRTIO_GPU_CMD_MOVE_CURSOR, 1, 11, 12, 0);
    cr_assert(display_take(&view, &frame));
    EXPECT(frame.changed, DISPLAY_CHANGED_POINTER);
    EXPECT(frame.pointer.x, 11);
    display_frame_release(&frame);
    EXPECT(gpu_unref(&g, 1), OK); // the image is the pointer's own
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 11, 12, 100);
    cr_assert(display_take(&view, &frame));
    EXPECT(frame.changed, DISPLAY_CHANGED_CURSOR);
    EXPECT(frame.pointer.cursor->width, 8);
    EXPECT(frame.pointer.cursor->hot_x, 7);
    EXPECT(frame.pointer.cursor->pixels[31], 0x80402010 + 31); // alpha, whatever it is called
    display_frame_release(&frame);
    // What is wrong changes nothing.
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 3, 0, 0, 0); // too wide
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 0, 0, 0); // gone
    cursor(0x302, 2, 0, 0, 0);
    struct virtio_gpu_update_cursor bad = {
        {.type = VIRTIO_GPU_CMD_MOVE_CURSOR}, {1, 0, 0, 0}, 0, 0, 0, 0};
    gpu_send_cursor(&g, &bad, sizeof bad);
    bad.pos.scanout_id = 0;
    gpu_send_cursor(&g, &bad, sizeof bad - 1);
    expect_damage(0, 0);
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 11, 12, 0);
    cr_assert(display_take(&view, &frame));
    cr_assert(!frame.pointer.cursor);
    display_frame_release(&frame);
}

Test(gpu, resize)
{
    struct virtio_gpu_ctrl_hdr ask = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
    struct virtio_gpu_resp_display_info info;
    wr(&g.b, 0x64, 3);
    uint32_t generation = rd(&g.b, 0xfc);
    cr_assert(display_request_size(g.display, 1000, 700));
    EXPECT(rd(&g.b, 0x100), 0); // the device comes to it when the clock does
    clock_step(&g.b.clock, 0);
    EXPECT(rd(&g.b, 0x100), 1);
    EXPECT(rd(&g.b, 0x60), 2);
    EXPECT(g.b.wire[0].level, 1);
    EXPECT(rd(&g.b, 0xfc), generation + 1);
    gpu_send(&g, &ask, sizeof ask, &info, sizeof info);
    EXPECT(info.pmodes[0].r.width, 1000);
    EXPECT(info.pmodes[0].r.height, 700);
    wr(&g.b, 0x104, 2);
    EXPECT(rd(&g.b, 0x100), 1);
    wr(&g.b, 0x104, 1);
    EXPECT(rd(&g.b, 0x100), 0);
    wr(&g.b, 0x64, 3);
    display_request_size(g.display, 1000, 701);
    display_request_size(g.display, 1000, 700); // back before anybody looked
    clock_step(&g.b.clock, 0);
    EXPECT(rd(&g.b, 0x100), 0);
    display_request_size(g.display, 8192, 8192);
    clock_step(&g.b.clock, 0);
    gpu_send(&g, &ask, sizeof ask, &info, sizeof info);
    EXPECT(info.pmodes[0].r.width, 4095);
    wr(&g.b, 0x70, 0); // the host's wish outlives the guest
    driver_restart(&g.control);
    g.answers = 0;
    gpu_send(&g, &ask, sizeof ask, &info, sizeof info);
    EXPECT(info.pmodes[0].r.width, 4095);
}

Test(gpu, state)
{
    static struct gpu_bed other;
    struct display_image a, b;
    struct error err;
    for (unsigned i = 0; i < 0x10000; i++)
        g.b.ram[GPU_MEMORY - RAM_BASE + i] = (uint8_t)(i * 7);
    make(1, BGRX, 50, 40);
    make(65, VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, 20, 10); // of the same bucket
    make(129, BGRX, 3, 3);
    EXPECT(gpu_detach(&g, 129), OK);
    EXPECT(gpu_transfer(&g, 1, 0, 0, 50, 40, 0), OK);
    EXPECT(gpu_transfer(&g, 65, 0, 0, 20, 10, 0), OK);
    EXPECT(gpu_scanout(&g, 0, 1, 1, 2, 40, 30), OK);
    cursor(VIRTIO_GPU_CMD_UPDATE_CURSOR, 65, 5, 6, 1);
    display_request_size(g.display, 333, 222);
    clock_step(&g.b.clock, 0);
    gpu_bed_init(&other, 0);
    bench_copy_state(g.dev, other.dev);
    cr_assert(display_snapshot(g.display, true, &a, &err));
    cr_assert(display_snapshot(other.display, true, &b, &err));
    EXPECT(b.width, 40);
    EXPECT(b.height, 30);
    cr_assert(!memcmp(a.pixels, b.pixels, 4 * 40 * 30), "the loaded picture is another");
    display_image_fini(&a);
    display_image_fini(&b);
    // Sections: transport, virtio, gpu; resource, backing (none), pixels of 129; then of 65, of 1.
    cr_assert(!bench_load_damaged(g.dev, other.dev, 2, 13, 0x40)); // scanout: no such resource
    cr_assert(!bench_load_damaged(g.dev, other.dev, 2, 16, 32));   // its rectangle
    cr_assert(!bench_load_damaged(g.dev, other.dev, 2, 5, 0xf0));
    cr_assert(!bench_load_damaged(g.dev, other.dev, 2, 0, 2));     // events that there are none of
    cr_assert(!bench_load_damaged(g.dev, other.dev, 2, 28, 0x7f)); // cursor's width
    cr_assert(!bench_load_damaged(g.dev, other.dev, 6, 13, 0xff)); // format
    cr_assert(!bench_load_damaged(g.dev, other.dev, 6, 6, 1));     // width
    cr_assert(!bench_load_damaged(g.dev, other.dev, 6, 20, 1));    // reserved
    cr_assert(!bench_load_damaged(g.dev, other.dev, 6, 18, 1));    // entries
    cr_assert(!bench_load_damaged(g.dev, other.dev, 7, 6, 1));     // backing beyond RAM
    cr_assert(!bench_load_damaged(g.dev, other.dev, 7, 11, 0xff)); // its length
    bench_refuses_corruption(g.dev);
    gpu_bed_fini(&other);
}
