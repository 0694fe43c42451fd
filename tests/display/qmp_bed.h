// SPDX-License-Identifier: GPL-3.0-or-later
// The control socket without the socket: one client of a machine that never runs, with a keyboard, a
// mouse and a tablet. Time is the test's (clock_step()); everything belongs to its thread.
#ifndef TESTS_DISPLAY_QMP_BED_H
#define TESTS_DISPLAY_QMP_BED_H

#include "machine/qmp_session.h"

struct qmp_bed {
    struct machine_config config;
    struct machine m; // "test"
    struct qmp qmp;
    struct qmp_session session; // what it says gathers in .out
    struct input_sink keyboard, mouse, tablet;
};

void qmp_bed_init(struct qmp_bed *b);
void qmp_bed_fini(struct qmp_bed *b);

#endif
