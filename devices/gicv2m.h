// SPDX-License-Identifier: GPL-3.0-or-later
// GICv2m (Arm's Server Base System Architecture, appendix E): a frame that turns the writes of
// message-signalled interrupts into SPIs, for GICv2, which has no ITS.
#ifndef DEVICES_GICV2M_H
#define DEVICES_GICV2M_H

#include "base/log.h"
#include "devices/device.h"
#include "devices/irq.h"

// count SPIs from first on (numbers as in the device tree); spi(opaque, n) gives their wires.
struct device *gicv2m_create(const char *name, unsigned first, unsigned count,
                             struct irq_line (*spi)(void *opaque, unsigned n), void *opaque,
                             const struct log *log);

#endif
