// SPDX-License-Identifier: GPL-3.0-or-later
// An interrupt line: a wire from a device to whoever listens (GIC, another device, a test).
//
// A line is a value, copied freely; all zero means "not connected". The level is the wire's, not
// an event: a device sets it whenever its condition may have changed, a listener compares with
// what it had. Callers hold the machine lock.
#ifndef DEVICES_IRQ_H
#define DEVICES_IRQ_H

#include <stdbool.h>

struct irq_line {
    void (*set)(void *opaque, int n, bool level);
    void *opaque;
    int n; // the listener's number for this wire
};

static inline void irq_set(const struct irq_line *line, bool level)
{
    if (line->set)
        line->set(line->opaque, line->n, level);
}

// An edge: up and down again at once.
static inline void irq_pulse(const struct irq_line *line)
{
    irq_set(line, true);
    irq_set(line, false);
}

#endif
