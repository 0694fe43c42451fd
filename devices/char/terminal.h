// SPDX-License-Identifier: GPL-3.0-or-later
// The host terminal's mode: raw while a machine runs, as it was on every way out.
//
// A process has one controlling terminal and signal handlers have no argument, so this keeps the
// one static record of the emulator: which terminal, and its modes before and after.
#ifndef DEVICES_CHAR_TERMINAL_H
#define DEVICES_CHAR_TERMINAL_H

#include <stdbool.h>

// Puts fd into raw mode; false when it is no terminal or another is raw already. Installs
// handlers for the signals that would end or stop the process and have their default action.
bool terminal_raw(int fd);

// Back to how it was; async-signal-safe, may be called any number of times.
void terminal_restore(void);

// As terminal_restore(), and forgets the terminal and takes the handlers out again.
void terminal_release(void);

#endif
