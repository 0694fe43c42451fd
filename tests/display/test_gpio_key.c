// SPDX-License-Identifier: GPL-3.0-or-later
// The power key: a press, its length, a press during a press, reset, and a state in the middle.
#include "devices/gpio_key.h"

#include <criterion/criterion.h>

#define MS INT64_C(1000000)

static bool level;
static unsigned edges;

static void set(void *opaque, int n, bool up)
{
    edges += up != level;
    level = up;
}

Test(gpio_key, presses)
{
    struct clock clock;
    struct gpio_key key;
    clock_init(&clock, true);
    gpio_key_init(&key, &clock, (struct irq_line){set, NULL, 0}, "power-key");
    gpio_key_press(&key);
    cr_expect(level);
    clock_step(&clock, 60 * MS);
    gpio_key_press(&key);
    clock_step(&clock, 60 * MS);
    cr_expect(level && edges == 1, "%u edges", edges);
    clock_step(&clock, 60 * MS);
    cr_expect(!level && edges == 2, "%u edges", edges);
    gpio_key_press(&key);
    gpio_key_reset(&key);
    cr_expect(!level);
    clock_step(&clock, 200 * MS);
    cr_expect_eq(edges, 4, "%u edges", edges);
    gpio_key_fini(&key);
    clock_fini(&clock);
}

Test(gpio_key, state)
{
    struct clock clock;
    struct gpio_key key;
    struct state_writer w;
    struct state_reader r;
    struct error err;
    clock_init(&clock, true);
    gpio_key_init(&key, &clock, (struct irq_line){set, NULL, 0}, "power-key");
    state_writer_init(&w);
    gpio_key_press(&key);
    gpio_key_save(&key, &w);
    gpio_key_reset(&key);
    gpio_key_save(&key, &w);
    state_reader_init(&r, w.data, w.len);
    cr_assert(gpio_key_load(&key, &r, &err), "%s", err.text);
    cr_expect(level, "pressed");
    clock_step(&clock, 101 * MS);
    cr_expect(!level, "released");
    cr_assert(gpio_key_load(&key, &r, &err), "%s", err.text);
    cr_expect(!level, "not pressed");
    cr_expect(!gpio_key_load(&key, &r, &err), "no state is left");
    state_writer_fini(&w);
    gpio_key_fini(&key);
    clock_fini(&clock);
}
