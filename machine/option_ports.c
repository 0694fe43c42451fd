// SPDX-License-Identifier: GPL-3.0-or-later
// Ports of virtio-serial: -device virtconsole and -device virtserialport.
#include "machine/device_types.h"
#include "machine/option_handlers.h"

#include "devices/virtio/serial.h"

#include <string.h>

_Static_assert((int)CONFIG_MAX_PORTS == VIRTIO_SERIAL_PORTS, "as many as a device has");

bool options_add_port(struct options *o, const char *what, const struct config_device *d)
{
    struct machine_config *c = o->config;
    if (c->port_count == CONFIG_MAX_PORTS)
        return error_set(o->err, "%s: more than %d ports", what, CONFIG_MAX_PORTS);
    if (d->nr >= VIRTIO_SERIAL_PORTS)
        return error_set(o->err, "%s: nr=%d is above %d", what, d->nr, VIRTIO_SERIAL_PORTS - 1);
    if (d->name && strlen(d->name) > VIRTIO_SERIAL_NAME)
        return error_set(o->err, "%s: name= is longer than %d bytes", what, VIRTIO_SERIAL_NAME);
    if (d->type == DEVICE_VIRTSERIALPORT && !d->nr)
        return error_set(o->err, "%s: nr=0 is a console's", what);
    struct config_device *p = &c->ports[c->port_count++];
    *p = *d;
    // Without bus= it is the device before it.
    for (size_t i = 0; i < c->device_count && !d->bus; i++)
        if (c->devices[i].type == DEVICE_VIRTIO_SERIAL)
            p->on = &c->devices[i];
    if (!p->on && !d->bus)
        return error_set(o->err, "%s: no -device virtio-serial-device before it", what);
    return true;
}

// bus=ID or, as QEMU names it, ID.0.
static bool find_bus(struct options *o, struct config_device *p)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->device_count && p->bus; i++) {
        const struct config_device *d = &c->devices[i];
        size_t n = d->id ? strlen(d->id) : 0;
        if (d->type == DEVICE_VIRTIO_SERIAL && n && !strncmp(p->bus, d->id, n) &&
            (!p->bus[n] || !strcmp(p->bus + n, ".0")))
            p->on = d;
    }
    return p->on ? true
                 : error_set(o->err, "-device bus=%s: no virtio-serial-device has that id", p->bus);
}

static bool taken(const struct machine_config *c, const struct config_device *p, int nr)
{
    for (size_t i = 0; i < c->port_count; i++)
        if (&c->ports[i] != p && c->ports[i].on == p->on && c->ports[i].nr == nr)
            return true;
    return false;
}

static bool find_chardev(struct options *o, struct config_device *p)
{
    struct machine_config *c = o->config;
    if (!p->chardev)
        return true;
    p->chardev_index = -1;
    for (size_t i = 0; i < c->chardev_count; i++)
        if (!strcmp(c->chardevs[i].id, p->chardev))
            p->chardev_index = (int)i;
    if (p->chardev_index < 0)
        return error_set(o->err, "-device chardev=%s: there is no -chardev of that id", p->chardev);
    bool used = false;
    for (size_t i = 0; i < c->serial_count; i++)
        used |= c->serials[i] == p->chardev_index;
    for (const struct config_device *e = c->ports; e < p; e++)
        used |= e->chardev && e->chardev_index == p->chardev_index;
    return used ? error_set(o->err, "-device chardev=%s: it is in use", p->chardev) : true;
}

bool options_connect_ports(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->port_count; i++)
        if (!find_bus(o, &c->ports[i]) || !find_chardev(o, &c->ports[i]))
            return false;
    // Port 0 can only be a console. Numbers that were asked for first.
    for (size_t i = 0; i < c->port_count; i++) {
        struct config_device *p = &c->ports[i];
        if (p->nr >= 0 && taken(c, p, p->nr))
            return error_set(o->err, "-device: nr=%d is given twice on one bus", p->nr);
    }
    for (size_t i = 0; i < c->port_count; i++) {
        struct config_device *p = &c->ports[i];
        if (p->nr >= 0)
            continue;
        int nr = p->type == DEVICE_VIRTCONSOLE ? 0 : 1;
        while (taken(c, p, nr))
            nr++;
        if (nr >= VIRTIO_SERIAL_PORTS)
            return error_set(o->err, "-device: no port number is left on the bus");
        p->nr = nr;
    }
    return true;
}
