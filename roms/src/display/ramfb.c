// SPDX-License-Identifier: GPL-3.0-or-later
// ramfb: the file etc/ramfb of fw_cfg, written by DMA. Everything of fw_cfg is big-endian.
#include "rom.h"

enum {
    FW_CFG = 0x09020000,
    DATA = 0,
    SELECTOR = 8,
    DMA = 16,
    FILE_DIR = 0x19,
    DMA_ERROR = 1,
    DMA_SELECT = 8,
    DMA_WRITE = 16,
};

static const struct format formats[] = {
    {"XR24", 0, 4, 16, 8, 8, 8, 0, 8, 0, 0},     {"AR24", 0, 4, 16, 8, 8, 8, 0, 8, 24, 8},
    {"XB24", 0, 4, 0, 8, 8, 8, 16, 8, 0, 0},     {"AB24", 0, 4, 0, 8, 8, 8, 16, 8, 24, 8},
    {"RX24", 0, 4, 24, 8, 16, 8, 8, 8, 0, 0},    {"RA24", 0, 4, 24, 8, 16, 8, 8, 8, 0, 8},
    {"BX24", 0, 4, 8, 8, 16, 8, 24, 8, 0, 0},    {"BA24", 0, 4, 8, 8, 16, 8, 24, 8, 0, 8},
    {"XR30", 0, 4, 20, 10, 10, 10, 0, 10, 0, 0}, {"AR30", 0, 4, 20, 10, 10, 10, 0, 10, 30, 2},
    {"XB30", 0, 4, 0, 10, 10, 10, 20, 10, 0, 0}, {"AB30", 0, 4, 0, 10, 10, 10, 20, 10, 30, 2},
    {"RG24", 0, 3, 16, 8, 8, 8, 0, 8, 0, 0},     {"BG24", 0, 3, 0, 8, 8, 8, 16, 8, 0, 0},
    {"RG16", 0, 2, 11, 5, 5, 6, 0, 5, 0, 0},     {"BG16", 0, 2, 0, 5, 5, 6, 11, 5, 0, 0},
    {"XR15", 0, 2, 10, 5, 5, 5, 0, 5, 0, 0},     {"AR15", 0, 2, 10, 5, 5, 5, 0, 5, 15, 1},
    {"RA15", 0, 2, 11, 5, 6, 5, 1, 5, 0, 1},
};

static u32 swap32(u32 v)
{
    return __builtin_bswap32(v);
}

static u32 next_byte(void)
{
    return *(volatile u8 *)(u64)(FW_CFG + DATA);
}

static u32 next_number(u32 bytes)
{
    u32 n = 0;
    while (bytes--)
        n = n << 8 | next_byte();
    return n;
}

// The key of a file, or 0.
static u32 find(const char *name)
{
    *(volatile u16 *)(u64)(FW_CFG + SELECTOR) = __builtin_bswap16(FILE_DIR);
    u32 found = 0;
    for (u32 files = next_number(4); files--;) {
        next_number(4); // size
        u32 key = next_number(2);
        next_number(2);
        bool same = true, ended = false;
        for (u32 i = 0; i < 56; i++) {
            char c = (char)next_byte();
            if (!ended && c != name[i])
                same = false;
            ended = ended || !name[i];
        }
        if (same)
            found = key;
    }
    return found;
}

static void configure(u32 key, const struct format *f, u32 w, u32 h, u32 stride)
{
    static u32 file[7], dma[4] __attribute__((aligned(16)));
    const char *n = f->name;
    u64 to = (u64)file, at = (u64)pixels;
    const u32 values[] = {(u32)(at >> 32),
                          (u32)at,
                          (u32)n[0] | (u32)n[1] << 8 | (u32)n[2] << 16 | (u32)n[3] << 24,
                          0,
                          w,
                          h,
                          stride};
    for (u32 i = 0; i < COUNT(values); i++)
        file[i] = swap32(values[i]);
    dma[0] = swap32(key << 16 | DMA_SELECT | DMA_WRITE);
    dma[1] = swap32(sizeof file);
    dma[2] = swap32((u32)(to >> 32));
    dma[3] = swap32((u32)to);
    barrier();
    write32(FW_CFG + DMA, swap32((u32)((u64)dma >> 32)));
    write32(FW_CFG + DMA + 4, swap32((u32)(u64)dma));
    while (swap32(*(volatile u32 *)dma) & ~DMA_ERROR)
        ;
}

static void picture(u32 key, const struct format *f, u32 w, u32 h, u32 stride)
{
    draw(pixels, f, w, h, stride ? stride : w * f->bytes);
    barrier();
    configure(key, f, w, h, stride);
    show("ramfb", f, w, h);
}

// Draws the lower half of a picture that is shown without a word to anybody: blue inverted. The same
// picture once more before: whoever follows has then seen it stand still.
static void redraw(const struct format *f, u32 w, u32 h)
{
    show("ramfb", f, w, h);
    for (u32 i = w * (h / 2); i < w * h; i++)
        ((u32 *)(void *)pixels)[i] ^= 0xff;
    barrier();
    show("ramfb-redrawn", f, w, h);
}

void ramfb_pictures(void)
{
    u32 key = find("etc/ramfb");
    if (!key) {
        say("no ramfb\n");
        return;
    }
    for (u32 i = 0; i < COUNT(formats); i++)
        picture(key, &formats[i], 61, 37, i & 1 ? 256 : 0);
    picture(key, &formats[0], 16, 100, 4096);
    picture(key, &formats[0], 320, 200, 0);
    redraw(&formats[0], 320, 200);
}

bool ramfb_open(u32 w, u32 h)
{
    u32 key = find("etc/ramfb");
    if (key)
        configure(key, &formats[0], w, h, 0);
    return key;
}
