// SPDX-License-Identifier: GPL-3.0-or-later
// -device: which there are, which properties each takes.
#include "machine/option_handlers.h"

#include "devices/display/edid.h"
#include "devices/display/format.h"
#include "machine/device_types.h"
#include "machine/suggest.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name, *help, *bus;
    unsigned props;
} device_types[] = {
#define DEVICE_TYPE(id, name, props, help)       { name, help, "virtio-mmio", props },
#define BOARD_DEVICE_TYPE(id, name, props, help) { name, help, "board", props },
#include "machine/device_types.def"
#undef DEVICE_TYPE
};

static bool print_devices(struct options *o)
{
    fputs("Devices:\n", o->out);
    for (size_t i = 0; i < ARRAY_SIZE(device_types); i++)
        fprintf(o->out, "name \"%s\", bus %s, desc \"%s\"\n", device_types[i].name,
                device_types[i].bus, device_types[i].help);
    o->done = true;
    return true;
}

static bool find_device_type(const char *name, int *type, struct error *err)
{
    struct suggest near;
    suggest_init(&near, name, strlen(name));
    for (size_t i = 0; i < ARRAY_SIZE(device_types); i++) {
        if (!strcmp(device_types[i].name, name)) {
            *type = (int)i;
            return true;
        }
        suggest_offer(&near, device_types[i].name);
    }
    if (near.best)
        return error_set(err, "-device %s: no such device; did you mean %s?", name, near.best);
    return error_set(err, "-device %s: no such device (see -device help)", name);
}

// Ends at the first row of formats.def that has no such name.
static const struct keyval_choice framebuffer_formats[] = {
#define DISPLAY_FORMAT(id, bytes, f0, f1, f2, f3, gpu, name, ...) { name, DISPLAY_##id, NULL },
#include "devices/display/formats.def"
#undef DISPLAY_FORMAT
};

// The rows of all drivers' properties; the first ones every driver takes.
static size_t device_rows(unsigned props, struct keyval_row *rows)
{
    static const struct {
        unsigned prop;
        struct keyval_row row;
    } all[] = {
        { 0, { "id", KEYVAL_STRING, offsetof(struct config_device, id) } },
        { PROP_DRIVE, { "drive", KEYVAL_STRING, offsetof(struct config_device, drive) } },
        { PROP_NETDEV, { "netdev", KEYVAL_STRING, offsetof(struct config_device, netdev) } },
        { PROP_NETDEV, { "mac", KEYVAL_STRING, offsetof(struct config_device, mac) } },
        { PROP_PORT, { "chardev", KEYVAL_STRING, offsetof(struct config_device, chardev) } },
        { PROP_PORT, { "bus", KEYVAL_STRING, offsetof(struct config_device, bus) } },
        { PROP_PORT, { "nr", KEYVAL_NUMBER, offsetof(struct config_device, nr) } },
        { PROP_NAME, { "name", KEYVAL_STRING, offsetof(struct config_device, name) } },
        { PROP_FSDEV, { "fsdev", KEYVAL_STRING, offsetof(struct config_device, fsdev) } },
        { PROP_FSDEV, { "mount_tag", KEYVAL_STRING, offsetof(struct config_device, mount_tag) } },
        { PROP_BALLOON, { "deflate-on-oom", KEYVAL_BOOL, offsetof(struct config_device, deflate_on_oom) } },
        { PROP_BALLOON, { "free-page-reporting", KEYVAL_BOOL, offsetof(struct config_device, free_page_reporting) } },
        { PROP_SERIAL, { "serial", KEYVAL_STRING, offsetof(struct config_device, serial) } },
        { PROP_MODE, { "xres", KEYVAL_NUMBER, offsetof(struct config_device, xres) } },
        { PROP_MODE, { "yres", KEYVAL_NUMBER, offsetof(struct config_device, yres) } },
        { PROP_FORMAT, { "format", KEYVAL_CHOICE, offsetof(struct config_device, format), framebuffer_formats } },
        { PROP_HOSTMEM, { "max_hostmem", KEYVAL_SIZE, offsetof(struct config_device, max_hostmem) } },
    };
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++)
        if (!all[i].prop || (props & all[i].prop))
            rows[n++] = all[i].row;
    return n;
}

// One of its kind, few displays, modes that any of them can have.
static bool check_display(struct options *o, const char *what, const struct config_device *d)
{
    const struct machine_config *c = o->config;
    unsigned props = device_types[d->type].props;
    size_t displays = 0;
    for (size_t i = 0; i < c->device_count; i++) {
        displays += !!(device_types[c->devices[i].type].props & PROP_DISPLAY);
        if (c->devices[i].type == d->type && props & PROP_ONCE)
            return error_set(o->err, "%s: there is one already", what);
    }
    if (props & PROP_DISPLAY && displays == CONFIG_MAX_DISPLAYS)
        return error_set(o->err, "%s: more than %d displays", what, CONFIG_MAX_DISPLAYS);
    if (!d->xres != !d->yres)
        return error_set(o->err, "%s: xres= and yres= go together", what);
    if (d->xres > EDID_MAX || d->yres > EDID_MAX)
        return error_set(o->err, "%s: %dx%d: at most %d either way", what, d->xres, d->yres,
                         EDID_MAX);
    return true;
}

bool opt_device(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_device d = { .nr = -1, .deflate_on_oom = true, .free_page_reporting = true };
    struct keyval_row rows[16];
    char what[80];
    if (wants_help(arg))
        return print_devices(o);
    if (c->device_count == CONFIG_MAX_DEVICES)
        return error_set(o->err, "-device: more than %d", CONFIG_MAX_DEVICES);
    const char *driver = keyval_first(c, "driver", &arg);
    if (!driver)
        return error_set(o->err, "-device %s: the driver's name comes first", arg);
    if (!find_device_type(driver, &d.type, o->err))
        return false;
    snprintf(what, sizeof what, "-device %s", driver);
    struct keyval_group group = { what, NULL, rows, device_rows(device_types[d.type].props, rows) };
    if (wants_help(arg))
        return print_properties(o, &group);
    if (!keyval_parse(c, &group, arg, &d, o->err))
        return false;
    if ((device_types[d.type].props & PROP_DRIVE) && !d.drive)
        return error_set(o->err, "%s: no drive=", what);
    if ((device_types[d.type].props & PROP_NETDEV) && !d.netdev)
        return error_set(o->err, "%s: no netdev=", what);
    if ((device_types[d.type].props & PROP_FSDEV) && (!d.fsdev || !d.mount_tag))
        return error_set(o->err, "%s: no %s=", what, d.fsdev ? "mount_tag" : "fsdev");
    if (device_types[d.type].props & PROP_PORT)
        return options_add_port(o, what, &d);
    if (!check_display(o, what, &d))
        return false;
    c->devices[c->device_count++] = d;
    return true;
}
