// SPDX-License-Identifier: GPL-3.0-or-later
// Names of keys, as front ends have them, to Linux's codes: keys.def. Pure functions.
#ifndef DEVICES_INPUT_KEYS_H
#define DEVICES_INPUT_KEYS_H

#include <stddef.h>

// All of these give a KEY_* of <linux/input-event-codes.h>, or 0 for no such key.
unsigned key_of_qcode(const char *name); // QMP's: "ret", "ctrl", "kp_7"
unsigned key_of_number(long number);     // scancode set 1, 0x80 set for an E0 prefix

// What a terminal sends for a key that is no text: Return, arrows. NULL: nothing.
const char *key_text(unsigned code);

#endif
