// SPDX-License-Identifier: GPL-3.0-or-later
// PL011 UART (Arm DDI 0183, r1p5).
#ifndef DEVICES_PL011_H
#define DEVICES_PL011_H

#include "base/clock.h"
#include "base/log.h"
#include "devices/char/char.h"
#include "devices/device.h"
#include "devices/irq.h"

// The back end stays the caller's (and may be NULL); it must outlive the device.
struct device *pl011_create(const char *name, struct clock *clock, struct irq_line irq,
                            struct chardev *chardev, const struct log *log);

#endif
