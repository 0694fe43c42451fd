// SPDX-License-Identifier: GPL-3.0-or-later
// A guest that draws a known pattern in every format of ramfb and virtio-gpu, and waits for a byte
// on the UART after each picture. The line it prints before it waits says what is shown:
//
//   DEVICE FORMAT RED GREEN BLUE WIDTH HEIGHT     (bits of each component)
//
// The pattern, in components of eight bits: red is x * 255 / (width - 1), green the same of y, blue
// is 7x ^ 13y. A format with fewer bits has the upper ones, one with more repeats them.
#ifndef ROMS_DISPLAY_ROM_H
#define ROMS_DISPLAY_ROM_H

#include <stdbool.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

// A pixel's layout: bytes, then lowest bit and number of bits of each component.
struct format {
    const char *name;
    u32 code; // of virtio-gpu; ramfb's is the name
    u8 bytes, red, red_bits, green, green_bits, blue, blue_bits, alpha, alpha_bits;
};

// Draws the pattern for a picture of w x h at p, lines of stride bytes.
void draw(u8 *p, const struct format *f, u32 w, u32 h, u32 stride);

// Prints what is shown and waits until somebody has looked.
void show(const char *device, const struct format *f, u32 w, u32 h);
void say(const char *text);
void say_number(u32 n); // a space before it
bool heard(void);       // a byte is there
char listen(void);      // waits for one

// Both say why and return when there is no such device.
void ramfb_pictures(void);
void gpu_pictures(void);

// Shows `pixels` as XRGB8888, w x h; gpu_redrawn() says that all of them are new. False: no such
// device.
bool ramfb_open(u32 w, u32 h);
bool gpu_open(u32 w, u32 h);
void gpu_redrawn(u32 w, u32 h);

void rom_main(void); // what the guest does: pictures.c or frames.c

static inline u32 read32(u64 at)
{
    return *(volatile u32 *)at;
}

static inline void write32(u64 at, u32 value)
{
    *(volatile u32 *)at = value;
}

static inline void barrier(void)
{
    __asm__ volatile("dsb sy" : : : "memory");
}

extern u8 pixels[8 << 20];

#endif
