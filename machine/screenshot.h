// SPDX-License-Identifier: GPL-3.0-or-later
// -screenshot: pictures at given times of the guest, as PNG files.
//
// A timer of the guest's clock takes the picture; a thread of the screenshots' own compresses and
// writes it, so that nobody waits. What the guest did not live to see is taken at the end.
#ifndef MACHINE_SCREENSHOT_H
#define MACHINE_SCREENSHOT_H

#include "machine/machine.h"

struct screenshots;

// Whether the files that the configuration names can be written, as far as that can be known
// beforehand.
bool screenshots_possible(const struct machine_config *c, struct error *err);
// Arms the timers of the configuration's screenshots; NULL if there are none. Before machine_run().
struct screenshots *screenshots_create(struct machine *m);
// After machine_run(): takes what is left and waits until all is written. False if something could
// not be: a line on stderr has said so.
bool screenshots_destroy(struct screenshots *s);

#endif
