// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/gpio_key.h"

#define STATE_VERSION 1
#define PRESS_NS      INT64_C(100000000)

struct gpio_key_state {
    int64_t release; // ns of guest time; CLOCK_NEVER while the key is up
};

static void released(void *opaque)
{
    struct gpio_key *k = opaque;
    irq_set(&k->line, false);
}

void gpio_key_init(struct gpio_key *k, struct clock *clock, struct irq_line line, const char *name)
{
    k->line = line;
    k->name = name;
    timer_init(&k->release, clock, released, k);
}

void gpio_key_fini(struct gpio_key *k)
{
    if (k->name)
        timer_disarm(&k->release);
}

void gpio_key_press(struct gpio_key *k)
{
    irq_set(&k->line, true);
    timer_arm(&k->release, clock_now(k->release.clock) + PRESS_NS);
}

void gpio_key_reset(struct gpio_key *k)
{
    timer_disarm(&k->release);
    irq_set(&k->line, false);
}

void gpio_key_save(struct gpio_key *k, struct state_writer *w)
{
    struct gpio_key_state s = {k->release.deadline};
    state_put(w, k->name, STATE_VERSION, &s, sizeof s);
}

bool gpio_key_load(struct gpio_key *k, struct state_reader *r, struct error *err)
{
    struct gpio_key_state s;
    if (!state_get(r, k->name, STATE_VERSION, &s, sizeof s, err))
        return false;
    // Any moment will do: what is past releases the key at once.
    timer_arm(&k->release, s.release);
    irq_set(&k->line, s.release != CLOCK_NEVER);
    return true;
}
