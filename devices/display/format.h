// SPDX-License-Identifier: GPL-3.0-or-later
// Pixel formats: one row each in formats.def, and their conversion to XRGB8888.
//
// A format is named as Linux's DRM names it: the components from the most to the least significant
// bit of a little-endian pixel. XRGB8888 is the bytes B, G, R, X in memory; virtio calls the same
// B8G8R8X8. Conversions are pure functions, of any thread but a vCPU's hot path; they use the
// host's vector instructions (integers only).
#ifndef DEVICES_DISPLAY_FORMAT_H
#define DEVICES_DISPLAY_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum display_format {
#define DISPLAY_FORMAT(id, ...) DISPLAY_##id,
#include "devices/display/formats.def"
#undef DISPLAY_FORMAT
    DISPLAY_FORMATS,
    DISPLAY_NO_FORMAT = DISPLAY_FORMATS,
};

// Where a component lies in the pixel; bits is 0 for one that the format lacks.
struct display_component {
    uint8_t shift, bits;
};

struct display_format_info {
    const char *name;    // "XRGB8888"
    unsigned bytes;      // a pixel: 2, 3 or 4
    uint32_t fourcc;     // DRM's, as ramfb has it
    uint32_t virtio_gpu; // VIRTIO_GPU_FORMAT_*, 0 for none
    const char *fdt;     // of a simple-framebuffer node, NULL for none
    struct display_component r, g, b, a;
};

// format must be below DISPLAY_FORMATS.
const struct display_format_info *display_format_info(enum display_format format);

// DISPLAY_NO_FORMAT for a code that none has.
enum display_format display_format_of_fourcc(uint32_t fourcc);
enum display_format display_format_of_virtio_gpu(uint32_t format);
enum display_format display_format_of_fdt(const char *name);

// Converts n pixels of one line to 0xffRRGGBB words. Neither pointer need be aligned beyond to[]'s
// four bytes; they do not overlap. Components of less than 8 bits are widened by repeating their
// bits, so that full is 0xff; alpha is ignored.
void display_convert_line(enum display_format format, uint32_t *to, const uint8_t *from, size_t n);

// The same as plain C, without vector instructions: what tests compare with.
void display_convert_line_ref(enum display_format format, uint32_t *to, const uint8_t *from,
                              size_t n);

#endif
