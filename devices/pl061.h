// SPDX-License-Identifier: GPL-3.0-or-later
// PL061 GPIO (Arm DDI 0190): 8 lines, each input or output, with edge and level interrupts.
#ifndef DEVICES_PL061_H
#define DEVICES_PL061_H

#include "base/log.h"
#include "devices/device.h"
#include "devices/irq.h"

// out[i] (may be all zero) follows line i while it is an output.
struct device *pl061_create(const char *name, struct irq_line irq, const struct irq_line out[8],
                            const struct log *log);

// A wire into line n (0..7); the virt board's power key is line 3.
struct irq_line pl061_line(struct device *dev, unsigned n);
// Whether the guest wants interrupts of line n.
bool pl061_listens(const struct device *dev, unsigned n);

#endif
