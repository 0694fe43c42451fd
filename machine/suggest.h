// SPDX-License-Identifier: GPL-3.0-or-later
// "Did you mean": the nearest of a list of names to what a user typed. Pure.
#ifndef MACHINE_SUGGEST_H
#define MACHINE_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *typed;
    size_t length;    // of typed
    const char *best; // NULL while nothing is near enough
    size_t distance;
};

void suggest_init(struct suggest *s, const char *typed, size_t length);
// Offers one valid name; a name is near when a third of what was typed or less is wrong.
void suggest_offer(struct suggest *s, const char *name);

#endif
