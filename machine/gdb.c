// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/gdb.h"

#include "base/bits.h"
#include "machine/gdb_packets.h"

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

// Packets ----------------------------------------------------------------------------------------

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
    ['?'] = { gdb_why },              ['!'] = { extended },
    ['c'] = { gdb_continue },         ['C'] = { gdb_continue_signal },
    ['s'] = { gdb_step },             ['S'] = { gdb_step_signal },
    ['g'] = { gdb_read_registers },   ['G'] = { gdb_write_registers },
    ['p'] = { gdb_read_register },    ['P'] = { gdb_write_register },
    ['m'] = { gdb_read_memory },      ['M'] = { gdb_write_memory },
    ['X'] = { gdb_write_binary },     ['v'] = { gdb_verbose },
    ['Z'] = { gdb_set_point },        ['z'] = { gdb_clear_point },
    ['H'] = { gdb_select_thread },    ['T'] = { gdb_alive },
    ['q'] = { gdb_query },            ['Q'] = { gdb_set },
    ['D'] = { detach, true },         ['k'] = { kill_target, true },
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
