// SPDX-License-Identifier: GPL-3.0-or-later
// What armlet itself has to tell its user, on stderr: lines "armlet: ...", which may come while a
// guest's console is on the same terminal.
//
// Any thread. A line is one write. On a terminal it starts a line of its own, whatever the guest
// printed last (as far as terminal.h knows), and ends with CR LF, since the terminal may be raw.
#ifndef DEVICES_CHAR_SAY_H
#define DEVICES_CHAR_SAY_H

// One line, without "armlet: " and without its end.
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

// A line that the next one takes the place of, or say_no_status(). Only where stderr is a terminal.
void say_status(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void say_no_status(void);

#endif
