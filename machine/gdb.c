// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/gdb.h"

#include "base/bits.h"
#include "machine/gdb_packets.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void gdb_init(struct gdb *g, struct gdb_target *target)
{
    memset(g, 0, sizeof *g);
    g->target = target;
    g->resumed = -1;
    g->stop = (struct gdb_stop){ .signal = GDB_SIGTRAP, .point = -1 };
    gdb_parser_init(&g->parser);
}

void gdb_fini(struct gdb *g)
{
    gdb_out_fini(&g->out);
    gdb_out_fini(&g->last);
}

// Replies ----------------------------------------------------------------------------------------

void gdb_reply_begin(struct gdb *g)
{
    gdb_out_begin(&g->out);
}

void gdb_reply_end(struct gdb *g)
{
    gdb_out_end(&g->out);
    if (g->no_ack)
        return;
    g->last.len = 0;
    gdb_out_raw(&g->last, g->out.bytes + g->out.begun - 1, g->out.len - g->out.begun + 1);
}

void gdb_reply(struct gdb *g, const char *text)
{
    gdb_reply_begin(g);
    gdb_out_text(&g->out, text);
    gdb_reply_end(g);
}

void gdb_ok(struct gdb *g, bool ok)
{
    gdb_reply(g, ok ? "OK" : "E22");
}

void gdb_out_thread(struct gdb *g, unsigned thread)
{
    gdb_out_printf(&g->out, g->multiprocess ? "p1.%x" : "%x", thread + 1);
}

// Parses [p<pid>.]<tid>. *thread is -1 for all, and for any (0).
bool gdb_take_thread(struct gdb *g, const char **s, int *thread)
{
    uint64_t n = 1;
    const char *p = *s;
    if (gdb_take_char(&p, 'p')) {
        if (!gdb_take_word(&p, "-1") && !gdb_take_number(&p, &n))
            return false;
        if (n > 1)
            return false;
        if (!gdb_take_char(&p, '.')) { // all of the process
            *thread = -1;
            *s = p;
            return true;
        }
    }
    n = 0;
    if (!gdb_take_word(&p, "-1") && !gdb_take_number(&p, &n))
        return false;
    if (n > g->target->nr_threads)
        return false;
    *thread = (int)n - 1;
    *s = p;
    return true;
}

static void out_register(struct gdb *g, unsigned reg)
{
    struct gdb_target *t = g->target;
    uint8_t value[16];
    size_t size = t->reg_size(t->opaque, reg);
    if (!size || !t->reg_read(t->opaque, g->stop.thread, reg, value))
        return;
    gdb_out_printf(&g->out, "%x:", reg);
    gdb_out_hex(&g->out, value, size);
    gdb_out_text(&g->out, ";");
}

void gdb_reply_stop(struct gdb *g)
{
    static const char *const watch[] = { [GDB_WATCH_WRITE] = "watch", [GDB_WATCH_READ] = "rwatch",
                                         [GDB_WATCH_ACCESS] = "awatch" };
    const struct gdb_stop *s = &g->stop;
    gdb_reply_begin(g);
    gdb_out_printf(&g->out, "T%02x", s->signal);
    if (s->point >= GDB_WATCH_WRITE)
        gdb_out_printf(&g->out, "%s:%" PRIx64 ";", watch[s->point], s->addr);
    else if (s->point == GDB_BREAK_SOFTWARE && g->says_swbreak)
        gdb_out_text(&g->out, "swbreak:;");
    else if (s->point == GDB_BREAK_HARDWARE && g->says_hwbreak)
        gdb_out_text(&g->out, "hwbreak:;");
    gdb_out_text(&g->out, "thread:");
    gdb_out_thread(g, s->thread);
    gdb_out_text(&g->out, ";");
    out_register(g, 29);
    out_register(g, GDB_REG_SP);
    out_register(g, GDB_REG_PC);
    gdb_reply_end(g);
}

void gdb_stopped(struct gdb *g, const struct gdb_stop *stop)
{
    g->stop = *stop;
    g->thread = stop->thread;
    g->resumed = -1;
    if (!g->running)
        return;
    g->running = false;
    gdb_reply_stop(g);
}

void gdb_exited(struct gdb *g, int status)
{
    g->running = false;
    gdb_reply_begin(g);
    gdb_out_printf(&g->out, g->multiprocess ? "W%02x;process:1" : "W%02x", status & 0xff);
    gdb_reply_end(g);
}

void gdb_console(struct gdb *g, const char *text)
{
    // Pieces that any client has room for.
    for (size_t left = strlen(text), n; left; left -= n, text += n) {
        n = left < 1024 ? left : 1024;
        gdb_reply_begin(g);
        gdb_out_text(&g->out, "O");
        gdb_out_hex(&g->out, text, n);
        gdb_reply_end(g);
    }
}

// Resuming ---------------------------------------------------------------------------------------

void gdb_resume(struct gdb *g, const struct gdb_action *actions)
{
    g->running = true;
    g->target->resume(g->target->opaque, actions);
}

// c, s, C, S: what Hc named does it, or everybody.
static void resume_old(struct gdb *g, const char *s, enum gdb_verb verb, bool with_signal)
{
    struct gdb_target *t = g->target;
    struct gdb_action actions[GDB_MAX_THREADS] = { { GDB_STAY } };
    uint64_t addr, signal;
    if (with_signal && (!gdb_take_number(&s, &signal) || (*s && !gdb_take_char(&s, ';')))) {
        gdb_ok(g, false);
        return;
    }
    unsigned thread = g->resumed >= 0 ? (unsigned)g->resumed : g->thread;
    if (gdb_take_number(&s, &addr)) {
        uint8_t pc[8];
        memcpy(pc, &addr, sizeof pc);
        t->reg_write(t->opaque, thread, GDB_REG_PC, pc);
    }
    for (unsigned n = 0; n < t->nr_threads; n++)
        if (verb == GDB_CONTINUE && g->resumed < 0)
            actions[n].verb = GDB_CONTINUE;
    actions[thread].verb = verb;
    gdb_resume(g, actions);
}

static void threads_reason(struct gdb *g, const char *s)
{
    gdb_reply_stop(g);
}

static void cont(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_CONTINUE, false);
}

static void cont_signal(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_CONTINUE, true);
}

static void step(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_STEP, false);
}

static void step_signal(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_STEP, true);
}

// Registers --------------------------------------------------------------------------------------

static void read_all(struct gdb *g, const char *s)
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

static void write_all(struct gdb *g, const char *s)
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

static void read_one(struct gdb *g, const char *s)
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

static void write_one(struct gdb *g, const char *s)
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

static void read_memory(struct gdb *g, const char *s)
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

static void write_hex(struct gdb *g, const char *s)
{
    uint8_t bytes[GDB_PACKET_MAX / 2];
    uint64_t addr, len;
    if (!take_range(&s, &addr, &len) || len > sizeof bytes || !gdb_take_char(&s, ':') ||
        !gdb_take_hex(&s, bytes, (size_t)len) || *s)
        gdb_ok(g, false);
    else
        write_memory(g, addr, bytes, (size_t)len);
}

static void write_binary(struct gdb *g, const char *s)
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

static void set_point(struct gdb *g, const char *s)
{
    point(g, s, true);
}

static void clear_point(struct gdb *g, const char *s)
{
    point(g, s, false);
}

// Threads and the end ----------------------------------------------------------------------------

static void select_thread(struct gdb *g, const char *s)
{
    int thread;
    char what = *s ? *s++ : 0;
    if ((what != 'g' && what != 'c') || !gdb_take_thread(g, &s, &thread)) {
        gdb_ok(g, false);
        return;
    }
    if (what == 'c')
        g->resumed = thread;
    else
        g->thread = thread < 0 ? g->stop.thread : (unsigned)thread;
    gdb_ok(g, true);
}

static void alive(struct gdb *g, const char *s)
{
    int thread;
    gdb_ok(g, gdb_take_thread(g, &s, &thread) && thread >= 0);
}

static void detach(struct gdb *g, const char *s)
{
    gdb_ok(g, true);
    g->closed = true;
    g->running = false;
    g->target->detach(g->target->opaque);
}

static void kill_target(struct gdb *g, const char *s)
{
    g->closed = true;
    g->running = false;
    g->target->kill(g->target->opaque);
}

static void extended(struct gdb *g, const char *s)
{
    gdb_ok(g, true);
}

// By their first letter. What has no row gets the empty reply: not known here.
static const struct {
    void (*handle)(struct gdb *g, const char *s);
    bool always; // while the target runs, too
} packets[128] = {
    ['?'] = { threads_reason },  ['!'] = { extended },    ['c'] = { cont },
    ['C'] = { cont_signal },     ['s'] = { step },        ['S'] = { step_signal },
    ['g'] = { read_all },        ['G'] = { write_all },   ['p'] = { read_one },
    ['P'] = { write_one },       ['m'] = { read_memory }, ['M'] = { write_hex },
    ['X'] = { write_binary },    ['Z'] = { set_point },   ['z'] = { clear_point },
    ['H'] = { select_thread },   ['T'] = { alive },       ['D'] = { detach, true },
    ['k'] = { kill_target, true }, ['q'] = { gdb_query }, ['Q'] = { gdb_set },
    ['v'] = { gdb_verbose },
};

static void handle(struct gdb *g)
{
    uint8_t first = g->parser.len ? g->parser.data[0] : 0;
    if (first >= ARRAY_SIZE(packets) || !packets[first].handle)
        gdb_reply(g, "");
    else if (g->running && !packets[first].always)
        gdb_reply(g, "E16"); // busy
    else
        packets[first].handle(g, (const char *)g->parser.data + 1);
}

void gdb_feed(struct gdb *g, const void *bytes, size_t n)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < n && !g->closed; i++) {
        bool acks = !g->no_ack; // QStartNoAckMode itself is acknowledged
        switch (gdb_parser_take(&g->parser, b[i])) {
        case GDB_PACKET:
            if (acks)
                gdb_out_raw(&g->out, "+", 1);
            handle(g);
            break;
        case GDB_DAMAGED:
            if (acks)
                gdb_out_raw(&g->out, "-", 1);
            break;
        case GDB_NACK:
            if (acks)
                gdb_out_raw(&g->out, g->last.bytes, g->last.len);
            break;
        case GDB_INTERRUPT:
            if (g->running)
                g->target->interrupt(g->target->opaque);
            break;
        default:
            break;
        }
    }
}
