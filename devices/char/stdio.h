// SPDX-License-Identifier: GPL-3.0-or-later
// The terminal (or any pair of file descriptors) as a back end.
//
// A terminal is put into raw mode and restored on every way out: stdio destroyed, exit(), a deadly
// signal, and around SIGTSTP/SIGCONT. Keys after Ctrl-A are armlet's: x quits, h helps, b sends a
// break, c goes to the monitor and back, Ctrl-A sends itself; as in QEMU. Input that ends (EOF) is
// not an order to quit. Output that the host does not take at once is queued and written when it
// does; chardev_writable() is false while much is queued.
#ifndef DEVICES_CHAR_STDIO_H
#define DEVICES_CHAR_STDIO_H

#include "devices/char/char.h"

struct stdio_config {
    int in_fd, out_fd;
    bool escape; // Ctrl-A is special
    void *opaque;
    void (*quit)(void *opaque); // Ctrl-A x
    // A line typed at the monitor (no newline); answers with stdio_print(). NULL: only the
    // built-in commands (help, quit, cont).
    bool (*monitor)(void *opaque, struct chardev *c, const char *line);
};

// At most one terminal at a time is in raw mode; the config is copied.
struct chardev *stdio_create(const struct stdio_config *config);

// Text from armlet itself to the terminal (with CR before LF).
void stdio_print(struct chardev *c, const char *text);

// Restores the terminal; async-signal-safe; for handlers that the board installs itself.
void stdio_restore_terminal(void);

#endif
