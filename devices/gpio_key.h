// SPDX-License-Identifier: GPL-3.0-or-later
// A key on a wire: the board's power button. A press holds the wire up for a tenth of a second of
// guest time, which is what a guest's debouncing wants to see.
//
// Machine lock. The state is when the key comes up again; a press during a press makes it longer.
#ifndef DEVICES_GPIO_KEY_H
#define DEVICES_GPIO_KEY_H

#include "base/clock.h"
#include "devices/irq.h"
#include "devices/state.h"

struct gpio_key {
    struct irq_line line;
    struct clock_timer release;
    const char *name;
};

// name is the section's in a saved state and outlives the key.
void gpio_key_init(struct gpio_key *k, struct clock *clock, struct irq_line line, const char *name);
void gpio_key_fini(struct gpio_key *k);
void gpio_key_press(struct gpio_key *k);
void gpio_key_reset(struct gpio_key *k);
void gpio_key_save(struct gpio_key *k, struct state_writer *w);
bool gpio_key_load(struct gpio_key *k, struct state_reader *r, struct error *err);

#endif
