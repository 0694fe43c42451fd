// SPDX-License-Identifier: GPL-3.0-or-later
// A back end in memory, for tests and scripts: output is collected, input is queued.
#ifndef DEVICES_CHAR_BUFFER_H
#define DEVICES_CHAR_BUFFER_H

#include "devices/char/char.h"

struct chardev *buffer_create(void);

// What was written so far, NUL-terminated (len may be NULL); valid until the next write.
const char *buffer_output(struct chardev *c, size_t *len);
void buffer_clear(struct chardev *c);

// Queues input; it reaches the front end as it makes room.
void buffer_input(struct chardev *c, const void *data, size_t len);
size_t buffer_pending(struct chardev *c); // queued and not yet taken

// While closed, chardev_writable() is false (what is written is still collected).
void buffer_set_writable(struct chardev *c, bool writable);

#endif
