// SPDX-License-Identifier: GPL-3.0-or-later
// PL031 real-time clock (Arm DDI 0224): seconds, one match interrupt.
#ifndef DEVICES_PL031_H
#define DEVICES_PL031_H

#include "base/clock.h"
#include "devices/device.h"
#include "devices/irq.h"

// epoch: seconds since 1970 at guest time 0 of the clock.
struct device *pl031_create(const char *name, struct clock *clock, struct irq_line irq,
                            int64_t epoch);

#endif
