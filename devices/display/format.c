// SPDX-License-Identifier: GPL-3.0-or-later
// Every format is expanded twice from its row, with constants in place of shifts and widths: the
// compiler makes vector loops of that, for SSE2 (all x86-64 hosts) and for AVX2. This file is
// compiled apart from the other devices, which may not touch vector registers.
#include "devices/display/format.h"

#include <string.h>

#define FOURCC(a, b, c, d)                                                                         \
    ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)

static const struct display_format_info formats[] = {
#define DISPLAY_FORMAT(id, size, f0, f1, f2, f3, gpu, dt, rs, rb, gs, gb, bs, bb, as, ab)          \
    {#id, size, FOURCC(f0, f1, f2, f3), gpu, dt, {rs, rb}, {gs, gb}, {bs, bb}, {as, ab}},
#include "devices/display/formats.def"
#undef DISPLAY_FORMAT
};

const struct display_format_info *display_format_info(enum display_format format)
{
    return &formats[format];
}

enum display_format display_format_of_fourcc(uint32_t fourcc)
{
    int n = 0;
    while (n < DISPLAY_FORMATS && formats[n].fourcc != fourcc)
        n++;
    return (enum display_format)n;
}

enum display_format display_format_of_virtio_gpu(uint32_t format)
{
    int n = 0;
    while (n < DISPLAY_FORMATS && (!format || formats[n].virtio_gpu != format))
        n++;
    return (enum display_format)n;
}

enum display_format display_format_of_fdt(const char *name)
{
    int n = 0;
    while (n < DISPLAY_FORMATS && (!formats[n].fdt || strcmp(formats[n].fdt, name)))
        n++;
    return (enum display_format)n;
}

// The component of `bits` bits at `shift`, as 8 bits.
static inline __attribute__((always_inline)) uint32_t widen(uint32_t pixel, unsigned shift,
                                                            unsigned bits)
{
    uint32_t c = pixel >> shift & ((1u << bits) - 1);
    return bits >= 8 ? c >> (bits - 8) : c << (8 - bits) | c >> (2 * bits - 8);
}

static inline __attribute__((always_inline)) uint32_t fetch(const uint8_t *from, unsigned size)
{
    typedef uint16_t u16 __attribute__((aligned(1)));
    typedef uint32_t u32 __attribute__((aligned(1)));
    if (size == 4)
        return *(const u32 *)(const void *)from;
    if (size == 2)
        return *(const u16 *)(const void *)from;
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16;
}

typedef void line_fn(uint32_t *restrict to, const uint8_t *restrict from, size_t n);

#define DISPLAY_FORMAT(id, size, f0, f1, f2, f3, gpu, dt, rs, rb, gs, gb, bs, bb, as, ab)          \
    CONVERTER(id, size, rs, rb, gs, gb, bs, bb)
#define LOOP(size, rs, rb, gs, gb, bs, bb)                                                         \
    for (size_t i = 0; i < n; i++) {                                                               \
        uint32_t pixel = fetch(from + (size)*i, size);                                             \
        to[i] = 0xff000000 | widen(pixel, rs, rb) << 16 | widen(pixel, gs, gb) << 8 |              \
                widen(pixel, bs, bb);                                                              \
    }

#define CONVERTER(id, size, rs, rb, gs, gb, bs, bb)                                                \
    static void sse2_##id(uint32_t *restrict to, const uint8_t *restrict from, size_t n)           \
    {                                                                                              \
        LOOP(size, rs, rb, gs, gb, bs, bb)                                                         \
    }
#include "devices/display/formats.def"
#undef CONVERTER

#define CONVERTER(id, size, rs, rb, gs, gb, bs, bb)                                                \
    __attribute__((target("avx2"))) static void avx2_##id(uint32_t *restrict to,                   \
                                                          const uint8_t *restrict from, size_t n)  \
    {                                                                                              \
        LOOP(size, rs, rb, gs, gb, bs, bb)                                                         \
    }
#include "devices/display/formats.def"
#undef CONVERTER
#undef DISPLAY_FORMAT

void display_convert_line(enum display_format format, uint32_t *to, const uint8_t *from, size_t n)
{
#define DISPLAY_FORMAT(id, ...) {sse2_##id, avx2_##id},
    static line_fn *const lines[DISPLAY_FORMATS][2] = {
#include "devices/display/formats.def"
    };
#undef DISPLAY_FORMAT
    lines[format][!!__builtin_cpu_supports("avx2")](to, from, n);
}

// From the table at run time: the widest form of every component by the definition.
static uint32_t component(uint64_t pixel, struct display_component c)
{
    uint64_t v = pixel >> c.shift & ((1u << c.bits) - 1);
    if (c.bits >= 8)
        return (uint32_t)(v >> (c.bits - 8));
    uint32_t repeated = 0;
    for (int bit = 7; bit >= 0; bit--) {
        unsigned from = c.bits - 1 - (unsigned)(7 - bit) % c.bits;
        repeated |= (uint32_t)(v >> from & 1) << bit;
    }
    return repeated;
}

void display_convert_line_ref(enum display_format format, uint32_t *to, const uint8_t *from,
                              size_t n)
{
    const struct display_format_info *f = &formats[format];
    for (size_t i = 0; i < n; i++) {
        uint64_t pixel = 0;
        for (unsigned b = 0; b < f->bytes; b++)
            pixel |= (uint64_t)from[i * f->bytes + b] << 8 * b;
        to[i] = 0xff000000 | component(pixel, f->r) << 16 | component(pixel, f->g) << 8 |
                component(pixel, f->b);
    }
}
