// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/display/sdl.h"

struct sdl *sdl_create(const struct front_config *config, struct error *err)
{
    error_set(err, "armlet was built without SDL");
    return NULL;
}

void sdl_run(struct sdl *s) {}
void sdl_stop(struct sdl *s) {}
void sdl_destroy(struct sdl *s) {}
