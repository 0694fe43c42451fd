// SPDX-License-Identifier: GPL-3.0-or-later
#include "tests/display/qmp_bed.h"

static void woken(void *opaque) {}

void qmp_bed_init(struct qmp_bed *b)
{
    machine_config_init(&b->config);
    b->config.name = "test";
    b->m = (struct machine){.config = &b->config, .phase = MACHINE_ENDED};
    mutex_init(&b->m.lock);
    mutex_init(&b->m.run_lock);
    pthread_cond_init(&b->m.run_changed, NULL);
    clock_init(&b->m.clock, true);
    input_init(&b->m.input);
    input_attach(&b->m.input, &b->keyboard, INPUT_KEYBOARD, woken, NULL);
    input_attach(&b->m.input, &b->mouse, INPUT_MOUSE, woken, NULL);
    input_attach(&b->m.input, &b->tablet, INPUT_TABLET, woken, NULL);
    b->m.wake_fd = -1;
    qmp_init(&b->qmp, &b->m);
    qmp_session_init(&b->session, &b->qmp);
}

void qmp_bed_fini(struct qmp_bed *b)
{
    qmp_session_fini(&b->session);
    qmp_fini(&b->qmp);
    input_detach(&b->keyboard);
    input_detach(&b->mouse);
    input_detach(&b->tablet);
    input_fini(&b->m.input);
    clock_fini(&b->m.clock);
    machine_config_fini(&b->config);
}
