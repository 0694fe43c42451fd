// SPDX-License-Identifier: GPL-3.0-or-later
// Shared folders: -share, and QEMU's -fsdev, -virtfs and -device virtio-9p-device.
#include "machine/device_types.h"
#include "machine/option_handlers.h"

#include "devices/virtio/9p.h"

#include <string.h>

// What QEMU's options say of ownership and of several host file systems; armlet has one way.
struct share_props {
    int driver, model, multidevs;
    const char *id, *path, *tag, *writeout;
    bool readonly;
};

static const struct keyval_choice drivers[] = {{"local", 0, "a folder of this host"}, {NULL}};
static const struct keyval_choice models[] = {{"none", 0, NULL}, {NULL}};
static const struct keyval_choice multidevs[] = {{"remap", 0, NULL}, {"warn", 0, NULL}, {NULL}};

#define R(type, name, field, ...) ROW(type, share_props, name, field, __VA_ARGS__)
#define COMMON                                                                                     \
    R(CHOICE, "fsdriver", driver, drivers), R(STRING, "id", id, NULL),                             \
        R(STRING, "path", path, NULL), R(CHOICE, "security_model", model, models),                 \
        R(BOOL, "readonly", readonly, NULL), R(CHOICE, "multidevs", multidevs, multidevs)

static const struct keyval_row fsdev_rows[] = {COMMON};
static const struct keyval_row virtfs_rows[] = {COMMON, R(STRING, "mount_tag", tag, NULL)};
static const struct keyval_row share_rows[] = {R(STRING, "path", path, NULL),
                                               R(BOOL, "readonly", readonly, NULL),
                                               R(STRING, "tag", tag, NULL)};

static const struct keyval_group fsdev_group = GROUP("-fsdev", "fsdriver", fsdev_rows);
static const struct keyval_group virtfs_group = GROUP("-virtfs", "fsdriver", virtfs_rows);
static const struct keyval_group share_group = GROUP("-share", "path", share_rows);

static bool parse(struct options *o, const struct keyval_group *g, const char *arg,
                  struct share_props *p)
{
    if (o->config->share_count == CONFIG_MAX_SHARES)
        return error_set(o->err, "%s: more than %d folders", g->option, CONFIG_MAX_SHARES);
    if (!keyval_parse(o->config, g, arg, p, o->err))
        return false;
    if (!p->path)
        return error_set(o->err, "%s %s: no path=", g->option, arg);
    if (p->tag && strlen(p->tag) > VIRTIO_9P_TAG)
        return error_set(o->err, "%s: the tag is longer than %d bytes", g->option, VIRTIO_9P_TAG);
    return true;
}

static bool add(struct options *o, const struct share_props *p)
{
    struct machine_config *c = o->config;
    c->shares[c->share_count++] =
        (struct config_share){.id = p->id, .path = p->path, .readonly = p->readonly, .tag = p->tag};
    return true;
}

bool opt_fsdev(struct options *o, const char *arg)
{
    struct share_props p = {0};
    if (wants_help(arg))
        return print_properties(o, &fsdev_group);
    if (!parse(o, &fsdev_group, arg, &p))
        return false;
    return p.id ? add(o, &p) : error_set(o->err, "-fsdev %s: no id=", arg);
}

bool opt_virtfs(struct options *o, const char *arg)
{
    struct share_props p = {0};
    if (wants_help(arg))
        return print_properties(o, &virtfs_group);
    if (!parse(o, &virtfs_group, arg, &p))
        return false;
    return p.tag ? add(o, &p) : error_set(o->err, "-virtfs %s: no mount_tag=", arg);
}

// Without tag= the first is "share", the next "share1", and so on.
bool opt_share(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct share_props p = {0};
    char tag[16];
    if (wants_help(arg))
        return print_properties(o, &share_group);
    if (!parse(o, &share_group, arg, &p))
        return false;
    if (!p.tag) {
        unsigned n = c->share_count
                         ? (unsigned)snprintf(tag, sizeof tag, "share%zu", c->share_count)
                         : (unsigned)snprintf(tag, sizeof tag, "share");
        p.tag = machine_config_strndup(c, tag, n);
    }
    return add(o, &p);
}

static bool connect_device(struct options *o, struct config_device *d)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->share_count; i++)
        if (!c->shares[i].tag && !strcmp(c->shares[i].id, d->fsdev))
            d->share = &c->shares[i];
    if (strlen(d->mount_tag) > VIRTIO_9P_TAG)
        return error_set(o->err, "-device: mount_tag= is longer than %d bytes", VIRTIO_9P_TAG);
    if (d->share)
        return true;
    return error_set(o->err, "-device fsdev=%s: there is no -fsdev of that id", d->fsdev);
}

bool options_connect_shares(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->device_count; i++)
        if (c->devices[i].fsdev && !connect_device(o, &c->devices[i]))
            return false;
    for (size_t i = 0; i < c->share_count; i++) {
        if (!c->shares[i].tag)
            continue;
        if (c->device_count == CONFIG_MAX_DEVICES)
            return error_set(o->err, "-share: the board's %d slots are taken", CONFIG_MAX_DEVICES);
        c->devices[c->device_count++] = (struct config_device){
            .type = DEVICE_VIRTIO_9P, .share = &c->shares[i], .mount_tag = c->shares[i].tag};
    }
    for (size_t i = 0; i < c->device_count; i++)
        for (size_t j = 0; j < i; j++)
            if (c->devices[i].mount_tag && c->devices[j].mount_tag &&
                !strcmp(c->devices[i].mount_tag, c->devices[j].mount_tag))
                return error_set(o->err, "two shared folders have the tag %s",
                                 c->devices[i].mount_tag);
    return true;
}
