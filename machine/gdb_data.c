// SPDX-License-Identifier: GPL-3.0-or-later
// GDB's packets about what the target has: registers, memory, and the points it is to stop at.
#include "machine/gdb_packets.h"

// Registers --------------------------------------------------------------------------------------

void gdb_read_registers(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    gdb_reply_begin(g);
    for (unsigned n = 0; n < GDB_NR_PLAIN_REGS; n++) {
        uint8_t value[16] = { 0 };
        t->reg_read(t->opaque, g->thread, n, value);
        gdb_out_hex(&g->out, value, t->reg_size(t->opaque, n));
    }
    gdb_reply_end(g);
}

void gdb_write_registers(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    bool ok = true;
    for (unsigned n = 0; ok && *s && n < GDB_NR_PLAIN_REGS; n++) {
        uint8_t value[16];
        ok = gdb_take_hex(&s, value, t->reg_size(t->opaque, n)) &&
             t->reg_write(t->opaque, g->thread, n, value);
    }
    gdb_ok(g, ok && !*s);
}

// A register's number, and its size.
static size_t take_register(struct gdb *g, const char **s, unsigned *reg)
{
    uint64_t n;
    if (!gdb_take_number(s, &n) || n > UINT32_MAX)
        return 0;
    *reg = (unsigned)n;
    return g->target->reg_size(g->target->opaque, *reg);
}

void gdb_read_register(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    unsigned reg;
    uint8_t value[16];
    size_t size = take_register(g, &s, &reg);
    if (!size || !t->reg_read(t->opaque, g->thread, reg, value)) {
        gdb_ok(g, false);
        return;
    }
    gdb_reply_begin(g);
    gdb_out_hex(&g->out, value, size);
    gdb_reply_end(g);
}

void gdb_write_register(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    unsigned reg;
    uint8_t value[16];
    size_t size = take_register(g, &s, &reg);
    gdb_ok(g, size && gdb_take_char(&s, '=') && gdb_take_hex(&s, value, size) && !*s &&
                  t->reg_write(t->opaque, g->thread, reg, value));
}

// Memory -----------------------------------------------------------------------------------------

static bool take_range(const char **s, uint64_t *addr, uint64_t *len)
{
    return gdb_take_number(s, addr) && gdb_take_char(s, ',') && gdb_take_number(s, len);
}

void gdb_read_memory(struct gdb *g, const char *s)
{
    struct gdb_target *t = g->target;
    uint8_t bytes[GDB_PACKET_MAX / 2];
    uint64_t addr, len;
    if (!take_range(&s, &addr, &len) || *s) {
        gdb_ok(g, false);
        return;
    }
    size_t n = len < sizeof bytes ? (size_t)len : sizeof bytes;
    size_t got = t->mem_read(t->opaque, g->thread, addr, bytes, n);
    if (!got && n) {
        gdb_reply(g, "E14");
        return;
    }
    gdb_reply_begin(g);
    gdb_out_hex(&g->out, bytes, got);
    gdb_reply_end(g);
}

static void write_memory(struct gdb *g, uint64_t addr, const void *bytes, size_t n)
{
    struct gdb_target *t = g->target;
    bool ok = t->mem_write(t->opaque, g->thread, addr, bytes, n) == n;
    gdb_reply(g, ok ? "OK" : "E14");
}

void gdb_write_memory(struct gdb *g, const char *s)
{
    uint8_t bytes[GDB_PACKET_MAX / 2];
    uint64_t addr, len;
    if (!take_range(&s, &addr, &len) || len > sizeof bytes || !gdb_take_char(&s, ':') ||
        !gdb_take_hex(&s, bytes, (size_t)len) || *s)
        gdb_ok(g, false);
    else
        write_memory(g, addr, bytes, (size_t)len);
}

void gdb_write_binary(struct gdb *g, const char *s)
{
    uint64_t addr, len;
    bool ok = take_range(&s, &addr, &len) && gdb_take_char(&s, ':');
    if (!ok || len != g->parser.len - (size_t)((const uint8_t *)s - g->parser.data))
        gdb_ok(g, false);
    else
        write_memory(g, addr, s, (size_t)len);
}

// Points -----------------------------------------------------------------------------------------

static void point(struct gdb *g, const char *s, bool set)
{
    struct gdb_target *t = g->target;
    uint64_t kind, addr, len;
    if (!gdb_take_number(&s, &kind) || !gdb_take_char(&s, ',') || !take_range(&s, &addr, &len)) {
        gdb_ok(g, false);
        return;
    }
    if (kind > GDB_WATCH_ACCESS) {
        gdb_reply(g, "");
        return;
    }
    // Conditions and commands behind it have not been offered.
    gdb_ok(g, t->point(t->opaque, set, (enum gdb_point)kind, addr, len));
}

void gdb_set_point(struct gdb *g, const char *s)
{
    point(g, s, true);
}

void gdb_clear_point(struct gdb *g, const char *s)
{
    point(g, s, false);
}
