// SPDX-License-Identifier: GPL-3.0-or-later
// VESA Enhanced EDID Standard, release A revision 2. One block: identification, the preferred mode
// as a detailed timing, the range of rates, a name, and the usual modes as established and standard
// timings. Nobody scans out lines, so the blanking is short and only has to be plausible.
#include "devices/display/edid.h"

#include "base/bits.h"

#include <string.h>

enum {
    REFRESH = 60,     // Hz
    H_BLANK = 160,    // pixels, as reduced blanking has it
    V_BLANK = 40,     // lines
    MIN_CLOCK = 1000, // of 10 kHz: less is taken for nonsense, so tiny modes have long blanks
    MAX_CLOCK = 65535,
    DESCRIPTORS = 54, // four of 18 bytes
    DESCRIPTOR_SIZE = 18,
};

// Offsets of what has one.
enum {
    MANUFACTURER = 8,
    VERSION = 18,
    INPUT = 20,
    SIZE_CM = 21,
    GAMMA = 23,
    FEATURES = 24,
    CHROMATICITY = 25,
    ESTABLISHED = 35,
    STANDARD = 38,
    CHECKSUM = 127,
};

static const struct standard {
    uint16_t width;
    uint8_t aspect; // 0: 16:10, 1: 4:3, 2: 5:4, 3: 16:9
} standards[8] = {
    {1920, 3}, {1680, 0}, {1600, 1}, {1440, 0}, {1280, 2}, {1280, 1}, {1280, 0}, {1280, 3},
};

static uint32_t millimetres(uint32_t pixels)
{
    return (pixels * 254 + 480) / 960; // 96 dots an inch
}

static void put_preferred(uint8_t *d, uint32_t w, uint32_t h)
{
    uint32_t lines = h + V_BLANK, least = MIN_CLOCK * 10000 / REFRESH / lines + 1;
    uint32_t line = w + H_BLANK > least ? w + H_BLANK : least, blank = line - w;
    uint64_t clock = (uint64_t)line * lines * REFRESH / 10000;
    uint32_t mm_w = millimetres(w), mm_h = millimetres(h);
    clock = clock < MAX_CLOCK ? clock : MAX_CLOCK;
    d[0] = (uint8_t)clock;
    d[1] = (uint8_t)(clock >> 8);
    d[2] = (uint8_t)w;
    d[3] = (uint8_t)blank;
    d[4] = (uint8_t)(w >> 8 << 4 | blank >> 8);
    d[5] = (uint8_t)h;
    d[6] = V_BLANK;
    d[7] = (uint8_t)(h >> 8 << 4);
    d[8] = 48;          // front porch
    d[9] = 32;          // horizontal sync
    d[10] = 3 << 4 | 6; // vertical: front porch, sync
    d[12] = (uint8_t)mm_w;
    d[13] = (uint8_t)mm_h;
    d[14] = (uint8_t)(mm_w >> 8 << 4 | mm_h >> 8);
    d[17] = 0x1e; // digital separate sync, both positive
}

static void put_text(uint8_t *d, uint8_t tag, const char *text)
{
    size_t n = strlen(text);
    d[3] = tag;
    memset(d + 5, ' ', 13);
    memcpy(d + 5, text, n);
    d[5 + n] = '\n';
}

// Rates that all of the modes are within: Hz, kHz, 10 MHz.
static void put_ranges(uint8_t *d)
{
    static const uint8_t ranges[] = {0,  0, 0,    0xfd, 0,   1,   125, 15,  255,
                                     66, 1, '\n', ' ',  ' ', ' ', ' ', ' ', ' '};
    memcpy(d, ranges, sizeof ranges);
}

static void put_modes(uint8_t *e)
{
    e[ESTABLISHED] = 0x21;     // 640x480, 800x600 at 60 Hz
    e[ESTABLISHED + 1] = 0x08; // 1024x768 at 60 Hz
    for (size_t i = 0; i < ARRAY_SIZE(standards); i++) {
        e[STANDARD + 2 * i] = (uint8_t)(standards[i].width / 8 - 31);
        e[STANDARD + 2 * i + 1] = (uint8_t)(standards[i].aspect << 6 | (REFRESH - 60));
    }
}

static uint8_t centimetres(uint32_t pixels)
{
    uint32_t cm = millimetres(pixels) / 10;
    return (uint8_t)(cm < 1 ? 1 : cm < 255 ? cm : 255);
}

void edid_make(uint8_t edid[EDID_SIZE], uint32_t width, uint32_t height)
{
    static const uint8_t magic[] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};
    static const uint8_t srgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    const uint32_t maker = 1 << 10 | 18 << 5 | 13; // "ARM", five bits a letter
    memset(edid, 0, EDID_SIZE);
    memcpy(edid, magic, sizeof magic);
    edid[MANUFACTURER] = maker >> 8;
    edid[MANUFACTURER + 1] = maker & 0xff;
    edid[MANUFACTURER + 2] = 1; // product
    edid[16] = 1;               // week and
    edid[17] = 2024 - 1990;     // year of the model
    edid[VERSION] = 1;
    edid[VERSION + 1] = 4;
    edid[INPUT] = 0xa5; // digital, 8 bits a colour, DisplayPort
    edid[SIZE_CM] = centimetres(width);
    edid[SIZE_CM + 1] = centimetres(height);
    edid[GAMMA] = 120;     // 2.2
    edid[FEATURES] = 0x06; // sRGB, the first detailed timing is the native one
    memcpy(edid + CHROMATICITY, srgb, sizeof srgb);
    put_modes(edid);
    put_preferred(edid + DESCRIPTORS, width, height);
    put_ranges(edid + DESCRIPTORS + DESCRIPTOR_SIZE);
    put_text(edid + DESCRIPTORS + 2 * DESCRIPTOR_SIZE, 0xfc, "armlet");
    put_text(edid + DESCRIPTORS + 3 * DESCRIPTOR_SIZE, 0xfe, "virtual");
    uint8_t sum = 0;
    for (size_t i = 0; i < CHECKSUM; i++)
        sum = (uint8_t)(sum + edid[i]);
    edid[CHECKSUM] = (uint8_t)-sum;
}
