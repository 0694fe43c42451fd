// SPDX-License-Identifier: GPL-3.0-or-later
// A file server that speaks 9P2000.L and shares one host directory (root.h). It knows no transport:
// a message goes in, its answer comes out. Every message is answered, a malformed one with an
// error.
//
// Files belong to whom armlet runs as: the guest's wishes for owners are granted where the host
// allows and ignored elsewhere. Set-user-ID and set-group-ID bits of files are never set, device
// nodes never made, extended attributes not shown, locks are the guest's own affair.
//
// Machine lock; calls are the host's file calls and may take as long as those.
#ifndef DEVICES_P9_SERVER_H
#define DEVICES_P9_SERVER_H

#include "base/error.h"
#include "devices/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define P9_MAX_MESSAGE (512u * 1024)
#define P9_MIN_MESSAGE 4096u
#define P9_MIN_ANSWER  11u // an error

struct p9_server;

struct p9_server *p9_server_create(const char *dir, bool readonly, struct error *err);
void p9_server_destroy(struct p9_server *s); // accepts NULL
void p9_server_reset(struct p9_server *s);   // forgets all files in hand

// The answer to the len bytes at in, into out, which has room for at least P9_MIN_ANSWER and at
// most P9_MAX_MESSAGE bytes. Returns its length. len is at least 7.
size_t p9_serve(struct p9_server *s, const uint8_t *in, size_t len, uint8_t *out, size_t room);

// The files in hand, by name: after a load they are opened again, and those that are gone answer
// with ESTALE.
void p9_server_save(struct p9_server *s, struct state_writer *w);
bool p9_server_load(struct p9_server *s, struct state_reader *r, struct error *err);

#endif
