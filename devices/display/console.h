// SPDX-License-Identifier: GPL-3.0-or-later
// The serial console as a display: what front ends show until the guest draws something itself.
//
// console_put() notes what is to be drawn and arms a timer; the timer's thread draws, thirty times
// a second at most, so that a vCPU that prints does not paint letters. A lock of its own, inside
// the machine lock; the display's are inside it.
#ifndef DEVICES_DISPLAY_CONSOLE_H
#define DEVICES_DISPLAY_CONSOLE_H

#include "base/clock.h"
#include "devices/display/display.h"

struct console;

struct console *console_create(struct clock *clock);
void console_destroy(struct console *c); // accepts NULL; no front end is attached

struct display *console_display(struct console *c); // its name is "console"

// Output of the serial port, any bytes. Machine lock.
void console_put(void *console, const uint8_t *data, size_t len);
// Goes back into the history by so many lines (forward if negative). Any thread.
void console_scroll(struct console *c, int lines);
// Draws now what is still to be drawn. Any thread.
void console_flush(struct console *c);

#endif
