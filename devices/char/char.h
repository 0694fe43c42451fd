// SPDX-License-Identifier: GPL-3.0-or-later
// Character back ends: where a serial port's bytes go to and come from on the host.
//
// A back end has one front end (a UART). Bytes to the host never block and are never lost while
// the front end respects chardev_writable(); bytes from the host are handed over only as far as
// the front end has room. All calls are made under the machine lock; a back end has no threads.
// The board's main loop asks pollfds() what to wait for, waits without the lock, and calls ready()
// with it. When the answer of pollfds() may have changed, the back end calls changed().
#ifndef DEVICES_CHAR_CHAR_H
#define DEVICES_CHAR_CHAR_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chardev;

#define CHARDEV_MAX_POLLFDS 4

struct chardev_ops {
    void (*write)(struct chardev *c, const uint8_t *data, size_t len);
    // The rest may be NULL.
    bool (*writable)(struct chardev *c);   // default: always
    void (*can_accept)(struct chardev *c); // the front end has room for input again
    int (*pollfds)(struct chardev *c, struct pollfd fds[CHARDEV_MAX_POLLFDS]); // how many
    void (*ready)(struct chardev *c); // something that pollfds() named has happened
    void (*flush)(struct chardev *c); // wait until all output is out (before exit)
    void (*destroy)(struct chardev *c);
};

// What a UART gives its back end.
struct chardev_front {
    size_t (*room)(void *opaque); // how many bytes receive() takes now
    void (*receive)(void *opaque, const uint8_t *data, size_t len);
    void (*receive_break)(void *opaque);
    void (*writable)(void *opaque); // output room is back after chardev_writable() was false
};

// Somebody who listens to what the guest writes, before the back end has it. The owner's.
struct chardev_tap {
    void (*written)(void *opaque, const uint8_t *data, size_t len);
    void *opaque;
    struct chardev_tap *next;
};

struct chardev {
    const struct chardev_ops *ops;
    const struct chardev_front *front;
    void *front_opaque;
    void (*changed)(void *opaque); // set by the board; may be NULL
    void *changed_opaque;
    struct chardev_tap *taps;
};

// All accept c == NULL, which is a back end that swallows everything.
void chardev_attach(struct chardev *c, const struct chardev_front *front, void *opaque);
void chardev_write(struct chardev *c, const uint8_t *data, size_t len);
bool chardev_writable(struct chardev *c);
void chardev_can_accept(struct chardev *c);
int chardev_pollfds(struct chardev *c, struct pollfd fds[CHARDEV_MAX_POLLFDS]);
void chardev_ready(struct chardev *c);
void chardev_flush(struct chardev *c);
void chardev_destroy(struct chardev *c);
void chardev_add_tap(struct chardev *c, struct chardev_tap *tap);

// For back ends: how much input the front end takes, hand it over, tell the main loop.
size_t chardev_room(const struct chardev *c);
void chardev_receive(struct chardev *c, const uint8_t *data, size_t len);
void chardev_receive_break(struct chardev *c);
void chardev_now_writable(struct chardev *c);
void chardev_changed(struct chardev *c);

#endif
