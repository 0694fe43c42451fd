// SPDX-License-Identifier: GPL-3.0-or-later
// The host's terminal: its mode, raw while a machine runs and as it was on every way out, and what
// stands in the line that its cursor is in.
//
// A process has one controlling terminal and signal handlers have no argument, so this keeps the
// one static record of the emulator: which terminal, its modes before and after, and that line,
// which two sides write without knowing each other: the guest's console and armlet's own messages.
#ifndef DEVICES_CHAR_TERMINAL_H
#define DEVICES_CHAR_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

// Puts fd into raw mode; false when it is no terminal or another is raw already. Installs
// handlers for the signals that would end or stop the process and have their default action.
bool terminal_raw(int fd);

// Back to how it was; async-signal-safe, may be called any number of times.
void terminal_restore(void);

// As terminal_restore(), and forgets the terminal and takes the handlers out again.
void terminal_release(void);

// What stands left of the cursor.
enum terminal_line {
    TERMINAL_LINE_EMPTY,
    TERMINAL_LINE_TEXT,   // a prompt, perhaps
    TERMINAL_LINE_STATUS, // say_status()
};

// The guest has written this to the terminal. Any thread, as the next.
void terminal_wrote(const void *data, size_t len);

// Says what stands there now; returns what stood there.
enum terminal_line terminal_set_line(enum terminal_line line);

// False: no status stands there. Else the line is empty now.
bool terminal_end_status(void);

#endif
