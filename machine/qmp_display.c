// SPDX-License-Identifier: GPL-3.0-or-later
// screendump: the picture as a file, PPM unless format says png, as QEMU's.
#include "devices/display/png.h"
#include "machine/qmp_commands.h"

#include <string.h>

// The display that `device` names, or the one that a window would show.
static struct display *find_display(struct machine *m, const char *device)
{
    if (!device)
        return display_pick(m->displays, m->display_count);
    for (size_t i = 0; i < m->display_count; i++)
        if (!strcmp(m->displays[i]->name, device))
            return m->displays[i];
    return NULL;
}

json_t *qmp_screendump(struct qmp *q, json_t *args, struct qmp_error *err)
{
    const char *path = json_string_value(json_object_get(args, "filename"));
    const char *device = json_string_value(json_object_get(args, "device"));
    const char *format = json_string_value(json_object_get(args, "format"));
    bool png = format && !strcmp(format, "png");
    if (format && !png && strcmp(format, "ppm"))
        return qmp_fail(err, "GenericError", "Parameter 'format' does not accept value '%.60s'",
                        format);
    if (json_integer_value(json_object_get(args, "head")))
        return qmp_fail(err, "GenericError", "every display has one head, 0");
    struct display *d = find_display(q->m, device);
    if (!d && device)
        return qmp_fail(err, "DeviceNotFound", "Device '%.60s' not found", device);
    if (!d)
        return qmp_fail(err, "GenericError", "the machine has no display");
    struct display_image image;
    struct error why;
    if (!display_snapshot(d, true, &image, &why))
        return qmp_fail_with(err, &why);
    bool ok = picture_save(path, png ? png_write : ppm_write, &image, &why);
    display_image_fini(&image);
    return ok ? json_object() : qmp_fail_with(err, &why);
}
