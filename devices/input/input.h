// SPDX-License-Identifier: GPL-3.0-or-later
// Input: from front ends of the host (window, VNC, control socket) to input devices of the guest.
//
// Events are Linux's: type, code and value of <linux/input-event-codes.h>. A front end says what
// happened to the one `struct input` of the machine; it passes each event to the device that can
// use it: keys to keyboards, absolute motion to tablets, relative motion to mice, buttons and wheel
// to the pointer that moved last (before any has: a tablet if there is one).
//
// Each device has a sink: a queue between the front end's thread and the device, which empties it
// under the machine lock when its wake() has brought it there. What does not fit is not lost but
// merged: a key ends up in the state it has, motion adds up, so no key sticks after a jam.
//
// Threads: input_key() to input_sync() and input_release_all() from any thread, several at once (a
// report is what one thread says up to its sync; front ends that share a device keep their reports
// short). The lock is held for a few copies; a vCPU may take it.
#ifndef DEVICES_INPUT_INPUT_H
#define DEVICES_INPUT_INPUT_H

#include "base/thread.h"

#include <linux/input-event-codes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    INPUT_MAX_SINKS = 8,
    INPUT_QUEUE = 256,     // events, a power of two
    INPUT_KEYS = 768,      // KEY_CNT: codes below it
    INPUT_ABS_MAX = 32767, // absolute coordinates are 0 to this, both ways
};

enum input_kind {
    INPUT_KEYBOARD = 1,
    INPUT_TABLET = 2, // absolute motion
    INPUT_MOUSE = 4,  // relative motion
};

struct input_event { // as virtio-input has it
    uint16_t type, code;
    int32_t value;
};

struct input_sink {
    enum input_kind kind;
    // A report is there to be popped: any thread, under input's lock; must not block and not call
    // back (arm a timer).
    void (*wake)(void *opaque);
    void *opaque;
    struct input *input; // NULL while not attached
    struct input_event queue[INPUT_QUEUE];
    unsigned head, count;
    uint64_t down[INPUT_KEYS / 64];   // as the queue's end has it
    uint64_t wanted[INPUT_KEYS / 64]; // as the front ends say
    int32_t abs[2], rel[2], wheel[2]; // merged while the queue was full
    bool merged;                      // something is in them, or wanted differs from down
    bool moved;                       // abs holds a position
    bool open;                        // events since the last SYN_REPORT
};

struct input {
    struct mutex lock; // everything in here and in the sinks
    struct input_sink *sinks[INPUT_MAX_SINKS];
    enum input_kind pointer; // that moved last; 0: none did
};

void input_init(struct input *in);
void input_fini(struct input *in); // no sink is attached any more

// The front end's side ---------------------------------------------------------------------------

// Which kinds of device there are (INPUT_*): a window sends absolute motion if there is a tablet.
unsigned input_kinds(struct input *in);

// Each of these is passed on at once; the device reports to the guest at input_sync(). code is a
// KEY_*. Saying again that a key is down (or up) does nothing: the guest repeats keys by itself.
void input_key(struct input *in, unsigned code, bool down);
void input_button(struct input *in, unsigned code, bool down); // BTN_LEFT to BTN_TASK
void input_abs(struct input *in, int32_t x, int32_t y);        // 0 to INPUT_ABS_MAX, clamped
void input_rel(struct input *in, int32_t dx, int32_t dy);      // counts
void input_wheel(struct input *in, int32_t dx, int32_t dy);    // notches, up and right positive
void input_sync(struct input *in);

// Releases every key and button that is down, and syncs: when a window loses the focus.
void input_release_all(struct input *in);

// An event as the wire has it (input-send-event): any of the above by type and code. False: no
// such event. REL_X and so on one axis at a time; ABS_X and ABS_Y as well.
bool input_event(struct input *in, uint16_t type, uint16_t code, int32_t value);

// Whether some front end holds the key (or button) down.
bool input_is_down(struct input *in, unsigned code);

// The device's side ------------------------------------------------------------------------------

// False: too many devices. Kinds of one device cannot be combined.
bool input_attach(struct input *in, struct input_sink *sink, enum input_kind kind,
                  void (*wake)(void *opaque), void *opaque);
void input_detach(struct input_sink *sink); // accepts one that is not attached

// Takes events up to and including the next SYN_REPORT, at most max (at least 2): whole reports, or
// the part of one that fits. Returns how many; 0 for none.
size_t input_pop(struct input_sink *sink, struct input_event *events, size_t max);

// Forgets what is queued and which keys the guest believes down (the device was reset).
void input_reset_sink(struct input_sink *sink);

#endif
