// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/gdb_packet.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BETWEEN, DATA, SUM1, SUM2 };

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void gdb_parser_init(struct gdb_parser *p)
{
    p->len = 0;
    p->state = BETWEEN;
}

static enum gdb_event between(struct gdb_parser *p, uint8_t byte)
{
    switch (byte) {
    case '$':
        p->state = DATA;
        p->len = 0;
        p->sum = 0;
        p->escaped = p->too_long = false;
        return GDB_NOTHING;
    case '+':
        return GDB_ACK;
    case '-':
        return GDB_NACK;
    case 3:
        return GDB_INTERRUPT;
    default:
        return GDB_NOTHING; // noise between packets
    }
}

static void data(struct gdb_parser *p, uint8_t byte)
{
    if (byte == '#') {
        p->state = SUM1;
        return;
    }
    p->sum = (uint8_t)(p->sum + byte);
    if (!p->escaped && byte == '}') {
        p->escaped = true;
        return;
    }
    if (p->len == GDB_PACKET_MAX) {
        p->too_long = true;
        return;
    }
    p->data[p->len++] = p->escaped ? byte ^ 0x20 : byte;
    p->escaped = false;
}

enum gdb_event gdb_parser_take(struct gdb_parser *p, uint8_t byte)
{
    switch (p->state) {
    case BETWEEN:
        return between(p, byte);
    case DATA:
        if (byte == '$') // the end of the last one was lost
            return between(p, byte);
        data(p, byte);
        return GDB_NOTHING;
    case SUM1:
        p->claimed = (uint8_t)((unsigned)digit(byte) << 4);
        p->too_long |= digit(byte) < 0;
        p->state = SUM2;
        return GDB_NOTHING;
    default:
        p->claimed |= (uint8_t)digit(byte);
        p->too_long |= digit(byte) < 0;
        p->state = BETWEEN;
        p->data[p->len] = 0;
        return p->too_long || p->claimed != p->sum ? GDB_DAMAGED : GDB_PACKET;
    }
}

// Out --------------------------------------------------------------------------------------------

void gdb_out_fini(struct gdb_out *o)
{
    free(o->bytes);
    *o = (struct gdb_out){ 0 };
}

static void need(struct gdb_out *o, size_t n)
{
    if (o->room - o->len >= n)
        return;
    o->room = 2 * (o->len + n) + 256;
    o->bytes = realloc(o->bytes, o->room);
    assert(o->bytes);
}

void gdb_out_raw(struct gdb_out *o, const void *bytes, size_t n)
{
    if (!n)
        return;
    need(o, n);
    memcpy(o->bytes + o->len, bytes, n);
    o->len += n;
}

void gdb_out_begin(struct gdb_out *o)
{
    gdb_out_raw(o, "$", 1);
    o->begun = o->len;
}

void gdb_out_text(struct gdb_out *o, const char *text)
{
    gdb_out_raw(o, text, strlen(text));
}

void gdb_out_printf(struct gdb_out *o, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    gdb_out_text(o, text);
}

void gdb_out_hex(struct gdb_out *o, const void *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *b = bytes;
    need(o, 2 * n);
    for (size_t i = 0; i < n; i++) {
        o->bytes[o->len++] = (uint8_t)digits[b[i] >> 4];
        o->bytes[o->len++] = (uint8_t)digits[b[i] & 15];
    }
}

void gdb_out_binary(struct gdb_out *o, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    need(o, 2 * n);
    for (size_t i = 0; i < n; i++) {
        bool special = b[i] == '#' || b[i] == '$' || b[i] == '}' || b[i] == '*';
        if (special)
            o->bytes[o->len++] = '}';
        o->bytes[o->len++] = special ? b[i] ^ 0x20 : b[i];
    }
}

void gdb_out_end(struct gdb_out *o)
{
    uint8_t sum = 0;
    for (size_t n = o->begun; n < o->len; n++)
        sum = (uint8_t)(sum + o->bytes[n]);
    gdb_out_raw(o, "#", 1);
    gdb_out_hex(o, &sum, 1);
}

// Words of a packet ------------------------------------------------------------------------------

bool gdb_take_number(const char **s, uint64_t *value)
{
    const char *p = *s;
    uint64_t v = 0;
    for (; digit((uint8_t)*p) >= 0; p++) {
        if (p - *s == 16)
            return false;
        v = v << 4 | (uint64_t)digit((uint8_t)*p);
    }
    if (p == *s)
        return false;
    *value = v;
    *s = p;
    return true;
}

bool gdb_take_char(const char **s, char c)
{
    if (**s != c)
        return false;
    ++*s;
    return true;
}

bool gdb_take_word(const char **s, const char *word)
{
    size_t n = strlen(word);
    if (strncmp(*s, word, n))
        return false;
    *s += n;
    return true;
}

bool gdb_take_hex(const char **s, void *bytes, size_t n)
{
    const char *p = *s;
    uint8_t *b = bytes;
    for (size_t i = 0; i < n; i++, p += 2) {
        int high = digit((uint8_t)p[0]), low = high < 0 ? -1 : digit((uint8_t)p[1]);
        if (low < 0)
            return false;
        b[i] = (uint8_t)(high << 4 | low);
    }
    *s = p;
    return true;
}
