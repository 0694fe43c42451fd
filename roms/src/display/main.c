// SPDX-License-Identifier: GPL-3.0-or-later
#include "rom.h"

enum { UART = 0x09000000, UART_DR = 0, UART_FR = 0x18, FR_RXFE = 0x10, FR_TXFF = 0x20 };

u8 pixels[8 << 20] __attribute__((aligned(4096)));

void *memcpy(void *to, const void *from, unsigned long n);
void *memset(void *to, int c, unsigned long n);

void *memcpy(void *to, const void *from, unsigned long n)
{
    for (u8 *t = to; n; n--)
        *t++ = *(const u8 *)from, from = (const u8 *)from + 1;
    return to;
}

void *memset(void *to, int c, unsigned long n)
{
    for (u8 *t = to; n; n--)
        *t++ = (u8)c;
    return to;
}

static void put(char c)
{
    while (read32(UART + UART_FR) & FR_TXFF)
        ;
    write32(UART + UART_DR, (u8)c);
}

void say(const char *text)
{
    while (*text)
        put(*text++);
}

void say_number(u32 n)
{
    char digits[11], *p = digits + sizeof digits;
    *--p = 0;
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    say(" ");
    say(p);
}

bool heard(void)
{
    return !(read32(UART + UART_FR) & FR_RXFE);
}

char listen(void)
{
    while (!heard())
        ;
    return (char)read32(UART + UART_DR);
}

void show(const char *device, const struct format *f, u32 w, u32 h)
{
    const u32 numbers[] = {f->red_bits, f->green_bits, f->blue_bits, w, h};
    say(device);
    say(" ");
    say(f->name);
    for (u32 i = 0; i < COUNT(numbers); i++)
        say_number(numbers[i]);
    say("\n");
    listen();
}

// Eight bits as `bits` of them, at their place.
static u32 component(u32 c, u32 at, u32 bits)
{
    c &= 0xff;
    return (bits > 8 ? c << (bits - 8) | c >> (16 - bits) : c >> (8 - bits)) << at;
}

void draw(u8 *p, const struct format *f, u32 w, u32 h, u32 stride)
{
    for (u32 y = 0; y < h; y++, p += stride)
        for (u32 x = 0; x < w; x++) {
            u32 pixel = component(x * 255 / (w - 1), f->red, f->red_bits) |
                        component(y * 255 / (h - 1), f->green, f->green_bits) |
                        component(7 * x ^ 13 * y, f->blue, f->blue_bits) |
                        component(x + y, f->alpha, f->alpha_bits);
            for (u32 b = 0; b < f->bytes; b++)
                p[x * f->bytes + b] = (u8)(pixel >> 8 * b);
        }
}
