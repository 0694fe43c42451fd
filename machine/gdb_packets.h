// SPDX-License-Identifier: GPL-3.0-or-later
// Between gdb.c (the session) and the packets: gdb_data.c (registers, memory, points), gdb_run.c (threads,
// resuming, stops), gdb_query.c (words).
#ifndef MACHINE_GDB_PACKETS_H
#define MACHINE_GDB_PACKETS_H

#include "machine/gdb.h"

// s is what follows the letter: q, Q, v.
void gdb_query(struct gdb *g, const char *s);
void gdb_set(struct gdb *g, const char *s);
void gdb_verbose(struct gdb *g, const char *s);

// s is what follows the letter.
void gdb_read_registers(struct gdb *g, const char *s);
void gdb_write_registers(struct gdb *g, const char *s);
void gdb_read_register(struct gdb *g, const char *s);
void gdb_write_register(struct gdb *g, const char *s);
void gdb_read_memory(struct gdb *g, const char *s);
void gdb_write_memory(struct gdb *g, const char *s);
void gdb_write_binary(struct gdb *g, const char *s);
void gdb_set_point(struct gdb *g, const char *s);
void gdb_clear_point(struct gdb *g, const char *s);

void gdb_why(struct gdb *g, const char *s);
void gdb_continue(struct gdb *g, const char *s);
void gdb_continue_signal(struct gdb *g, const char *s);
void gdb_step(struct gdb *g, const char *s);
void gdb_step_signal(struct gdb *g, const char *s);
void gdb_select_thread(struct gdb *g, const char *s);
void gdb_alive(struct gdb *g, const char *s);
// s is what follows the word.
void gdb_vcont(struct gdb *g, const char *s);
void gdb_vcont_actions(struct gdb *g, const char *s);

void gdb_reply_begin(struct gdb *g); // then gdb_out_*(&g->out)
void gdb_reply_end(struct gdb *g);
void gdb_reply(struct gdb *g, const char *text);
void gdb_ok(struct gdb *g, bool ok); // OK, or E22: an invalid argument
void gdb_reply_stop(struct gdb *g);
void gdb_out_thread(struct gdb *g, unsigned thread);
// Parses [p<pid>.]<tid>; -1: all of them, or any. False: there is no such thread.
bool gdb_take_thread(struct gdb *g, const char **s, int *thread);
// actions: one for each thread.
void gdb_resume(struct gdb *g, const struct gdb_action *actions);

#endif
