// SPDX-License-Identifier: GPL-3.0-or-later
// Pictures as files: PNG (W3C second edition; 8-bit RGB) and binary PPM.
//
// Pure functions of their arguments, any thread. They take a copy of a display, not the display:
// compressing takes milliseconds, for which nobody should hold the machine lock.
#ifndef DEVICES_DISPLAY_PNG_H
#define DEVICES_DISPLAY_PNG_H

#include "base/error.h"
#include "devices/display/display.h"

#include <stdio.h>

// Writes to an open stream; false when the stream failed (ferror() tells, errno says why).
bool png_write(FILE *f, const struct display_image *image);
bool ppm_write(FILE *f, const struct display_image *image);

// Writes a plain file, in place of what had that name. What has gone wrong is said with the name,
// and nothing half written stays behind.
bool picture_save(const char *path, bool (*write)(FILE *f, const struct display_image *image),
                  const struct display_image *image, struct error *err);

#endif
