// SPDX-License-Identifier: GPL-3.0-or-later
// Pixel formats: the vector conversions against the reference, the reference against values worked
// out by hand, the codes against the specifications' numbers.
#include "bench.h"
#include "devices/display/format.h"

#include <stdlib.h>
#include <string.h>

// One pixel in memory order and what it is, with red 0x12, green 0x9c, blue 0xf7 as nearly as the
// format can say it, and alpha set where there is one (it is ignored).
static const struct {
    const char *name;
    uint8_t bytes[4];
    uint32_t rgb;
} by_hand[] = {
    {"XRGB8888", {0xf7, 0x9c, 0x12, 0x00}, 0xff129cf7},
    {"ARGB8888", {0xf7, 0x9c, 0x12, 0x55}, 0xff129cf7},
    {"XBGR8888", {0x12, 0x9c, 0xf7, 0x00}, 0xff129cf7},
    {"ABGR8888", {0x12, 0x9c, 0xf7, 0x55}, 0xff129cf7},
    {"RGBX8888", {0x00, 0xf7, 0x9c, 0x12}, 0xff129cf7},
    {"RGBA8888", {0x55, 0xf7, 0x9c, 0x12}, 0xff129cf7},
    {"BGRX8888", {0x00, 0x12, 0x9c, 0xf7}, 0xff129cf7},
    {"BGRA8888", {0x55, 0x12, 0x9c, 0xf7}, 0xff129cf7},
    {"RGB888", {0xf7, 0x9c, 0x12}, 0xff129cf7},
    {"BGR888", {0x12, 0x9c, 0xf7}, 0xff129cf7},
    // 0x04b << 20 | 0x272 << 10 | 0x3df: the upper eight bits count.
    {"XRGB2101010", {0xdf, 0xcb, 0xb9, 0x04}, 0xff129cf7},
    {"ARGB2101010", {0xdf, 0xcb, 0xb9, 0xc4}, 0xff129cf7},
    {"XBGR2101010", {0x4b, 0xc8, 0xf9, 0x3d}, 0xff129cf7},
    {"ABGR2101010", {0x4b, 0xc8, 0xf9, 0xfd}, 0xff129cf7},
    // 2 << 11 | 39 << 5 | 30 -> 0x10, 0x9e, 0xf7
    {"RGB565", {0xfe, 0x14}, 0xff109ef7},
    {"BGR565", {0xe2, 0xf4}, 0xff109ef7},
    // 2 << 10 | 19 << 5 | 30 -> 0x10, 0x9c, 0xf7
    {"XRGB1555", {0x7e, 0x0a}, 0xff109cf7},
    {"ARGB1555", {0x7e, 0x8a}, 0xff109cf7},
    {"RGBA5551", {0xfd, 0x14}, 0xff109cf7},
};

Test(format, by_hand)
{
    EXPECT(ARRAY_SIZE(by_hand), DISPLAY_FORMATS);
    for (size_t i = 0; i < ARRAY_SIZE(by_hand); i++) {
        int f = 0;
        while (f < DISPLAY_FORMATS && strcmp(display_format_info(f)->name, by_hand[i].name))
            f++;
        cr_assert(f < DISPLAY_FORMATS, "%s is not there", by_hand[i].name);
        uint32_t got = 0, ref = 0;
        display_convert_line(f, &got, by_hand[i].bytes, 1);
        display_convert_line_ref(f, &ref, by_hand[i].bytes, 1);
        cr_assert(got == by_hand[i].rgb && ref == got, "%s: 0x%08x, reference 0x%08x, not 0x%08x",
                  by_hand[i].name, got, ref, by_hand[i].rgb);
    }
}

Test(format, full_is_full)
{
    for (int f = 0; f < DISPLAY_FORMATS; f++) {
        uint8_t zero[4] = {0}, ones[4] = {255, 255, 255, 255};
        uint32_t black = 0, white = 0;
        display_convert_line(f, &black, zero, 1);
        display_convert_line(f, &white, ones, 1);
        EXPECT(black, 0xff000000);
        EXPECT(white, 0xffffffff);
    }
}

// Every length and misalignment around the vectors' sizes; the words after the line stay.
Test(format, vectors_equal_reference)
{
    enum { PIXELS = 140, GUARD = 8 };
    uint8_t *from = malloc(PIXELS * 4 + 16);
    uint64_t x = 88172645463325252u;
    for (size_t i = 0; i < PIXELS * 4 + 16; i++) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        from[i] = (uint8_t)(x >> 56);
    }
    for (int f = 0; f < DISPLAY_FORMATS; f++)
        for (size_t n = 0; n <= PIXELS; n++)
            for (size_t skew = 0; skew < 16; skew += n % 3 + 1) {
                uint32_t got[PIXELS + GUARD], want[PIXELS + GUARD];
                memset(got, 0xa5, sizeof got);
                memset(want, 0xa5, sizeof want);
                display_convert_line(f, got, from + skew, n);
                display_convert_line_ref(f, want, from + skew, n);
                for (size_t i = 0; i < PIXELS + GUARD; i++)
                    cr_assert(got[i] == want[i],
                              "%s, %zu pixels at offset %zu: pixel %zu is 0x%08x, not 0x%08x",
                              display_format_info(f)->name, n, skew, i, got[i], want[i]);
            }
    free(from);
}

// A line that ends where its memory does (under the sanitizers).
Test(format, reads_no_further)
{
    for (int f = 0; f < DISPLAY_FORMATS; f++)
        for (size_t n = 1; n < 70; n++) {
            size_t size = n * display_format_info(f)->bytes;
            uint8_t *from = calloc(1, size);
            uint32_t *to = malloc(4 * n);
            display_convert_line(f, to, from, n);
            EXPECT(to[n - 1], 0xff000000);
            free(from);
            free(to);
        }
}

Test(format, codes)
{
    EXPECT(display_format_of_fourcc(0x34325258), DISPLAY_XRGB8888);
    EXPECT(display_format_of_fourcc(0x36314752), DISPLAY_RGB565);
    EXPECT(display_format_of_fourcc(0x34324752), DISPLAY_RGB888);
    EXPECT(display_format_of_fourcc(0), DISPLAY_NO_FORMAT);
    // virtio 1.2, 5.7.6.8; its names are in the order of bytes
    EXPECT(display_format_of_virtio_gpu(0), DISPLAY_NO_FORMAT);
    EXPECT(display_format_of_virtio_gpu(1), DISPLAY_ARGB8888);   // B8G8R8A8
    EXPECT(display_format_of_virtio_gpu(2), DISPLAY_XRGB8888);   // B8G8R8X8
    EXPECT(display_format_of_virtio_gpu(3), DISPLAY_BGRA8888);   // A8R8G8B8
    EXPECT(display_format_of_virtio_gpu(4), DISPLAY_BGRX8888);   // X8R8G8B8
    EXPECT(display_format_of_virtio_gpu(67), DISPLAY_ABGR8888);  // R8G8B8A8
    EXPECT(display_format_of_virtio_gpu(68), DISPLAY_RGBX8888);  // X8B8G8R8
    EXPECT(display_format_of_virtio_gpu(121), DISPLAY_RGBA8888); // A8B8G8R8
    EXPECT(display_format_of_virtio_gpu(134), DISPLAY_XBGR8888); // R8G8B8X8
    EXPECT(display_format_of_fdt("r5g6b5"), DISPLAY_RGB565);
    EXPECT(display_format_of_fdt("none"), DISPLAY_NO_FORMAT);
    bool named = true; // names come first: the command line's list ends with the first NULL
    for (int f = 0; f < DISPLAY_FORMATS; f++) {
        const struct display_format_info *i = display_format_info(f);
        EXPECT(display_format_of_fourcc(i->fourcc), f);
        cr_assert(named || !i->fdt, "%s stands behind one without a name", i->name);
        named = i->fdt;
    }
}
