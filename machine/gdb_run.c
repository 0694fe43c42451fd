// SPDX-License-Identifier: GPL-3.0-or-later
// GDB's packets about the target's threads: which are meant, what they are to do, why they stand.
#include "machine/gdb_packets.h"

#include <inttypes.h>
#include <string.h>

// Threads ----------------------------------------------------------------------------------------

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

void gdb_select_thread(struct gdb *g, const char *s)
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

void gdb_alive(struct gdb *g, const char *s)
{
    int thread;
    gdb_ok(g, gdb_take_thread(g, &s, &thread) && thread >= 0);
}

// Stops ------------------------------------------------------------------------------------------

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

void gdb_why(struct gdb *g, const char *s)
{
    gdb_reply_stop(g);
}

void gdb_continue(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_CONTINUE, false);
}

void gdb_continue_signal(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_CONTINUE, true);
}

void gdb_step(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_STEP, false);
}

void gdb_step_signal(struct gdb *g, const char *s)
{
    resume_old(g, s, GDB_STEP, true);
}

static bool take_action(const char **s, struct gdb_action *a)
{
    uint64_t signal;
    char verb = **s ? *(*s)++ : 0;
    *a = (struct gdb_action){ GDB_CONTINUE };
    switch (verb) {
    case 'c':
        return true;
    case 'C':
        return gdb_take_number(s, &signal);
    case 's':
        a->verb = GDB_STEP;
        return true;
    case 'S':
        a->verb = GDB_STEP;
        return gdb_take_number(s, &signal);
    case 'r':
        a->verb = GDB_STEP;
        return gdb_take_number(s, &a->start) && gdb_take_char(s, ',') && gdb_take_number(s, &a->end);
    default:
        return false;
    }
}

void gdb_vcont(struct gdb *g, const char *s)
{
    struct gdb_action actions[GDB_MAX_THREADS] = { { GDB_STAY } };
    bool named[GDB_MAX_THREADS] = { false }, any = false;
    while (gdb_take_char(&s, ';')) {
        struct gdb_action a;
        int thread = -1;
        if (!take_action(&s, &a) || (gdb_take_char(&s, ':') && !gdb_take_thread(g, &s, &thread))) {
            gdb_ok(g, false);
            return;
        }
        // The first action that names a thread is the one it does.
        for (unsigned n = 0; n < g->target->nr_threads; n++)
            if (!named[n] && (thread < 0 || n == (unsigned)thread)) {
                named[n] = any = true;
                actions[n] = a;
            }
    }
    if (*s || !any)
        gdb_ok(g, false);
    else
        gdb_resume(g, actions);
}

void gdb_vcont_actions(struct gdb *g, const char *s)
{
    gdb_reply(g, "vCont;c;C;s;S;r");
}
