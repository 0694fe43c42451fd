// SPDX-License-Identifier: GPL-3.0-or-later
// Key strokes with time between them: what send-key asks for is played on the guest's clock, one
// stroke after the other, so that the guest sees presses of the length that was asked for.
//
// The machine lock guards it; the functions take it themselves and may be called by any thread that
// does not hold it.
#ifndef MACHINE_KEY_QUEUE_H
#define MACHINE_KEY_QUEUE_H

#include "base/clock.h"

enum {
    KEY_QUEUE_SIZE = 1024, // strokes and pauses
    KEY_QUEUE_STROKE = 16, // keys pressed together, at most
    KEY_QUEUE_HOLD_MS = 100,
    KEY_QUEUE_MAX_HOLD_MS = 60000,
};

struct machine;

struct key_queue {
    struct machine *m;
    struct clock_timer timer; // when the next entry is due
    struct {
        unsigned short code; // KEY_*
        bool down;
        int64_t delay; // ns of guest time after the entry before
    } entries[KEY_QUEUE_SIZE];
    unsigned head, count;
};

void key_queue_init(struct key_queue *q, struct machine *m);
// Releases what it still holds down.
void key_queue_fini(struct key_queue *q);

// Presses these keys in their order, holds them, releases them in reverse. False: no room.
bool key_queue_stroke(struct key_queue *q, const unsigned *codes, unsigned n, unsigned hold_ms);

#endif
