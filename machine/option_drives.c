// SPDX-License-Identifier: GPL-3.0-or-later
// Disks, flash and what fw_cfg holds: -drive, -pflash, -fw_cfg, and who uses which.
#include "machine/option_handlers.h"

#include "machine/device_types.h"
#include "machine/suggest.h"

#include <stdlib.h>
#include <string.h>

static const struct keyval_choice drive_formats[] = {
    { "raw", CONFIG_FORMAT_RAW, NULL }, { "qcow2", CONFIG_FORMAT_QCOW2, NULL }, { NULL }
};
static const struct keyval_choice drive_interfaces[] = {
    { "virtio", CONFIG_IF_VIRTIO, NULL }, { "none", CONFIG_IF_NONE, NULL },
    { "pflash", CONFIG_IF_PFLASH, NULL }, { NULL }
};
static const struct keyval_choice drive_caches[] = {
    { "writeback", CONFIG_CACHE_WRITEBACK, NULL },
    { "none", CONFIG_CACHE_WRITEBACK, NULL },
    { "writethrough", CONFIG_CACHE_WRITETHROUGH, NULL },
    { "directsync", CONFIG_CACHE_WRITETHROUGH, NULL },
    { "unsafe", CONFIG_CACHE_WRITEBACK, NULL }, // allows to lose data, does not oblige
    { NULL },
};
static const struct keyval_choice drive_media[] = { { "disk", 0, NULL }, { NULL } };
static const struct keyval_choice drive_discards[] = { { "unmap", 0, NULL }, { "on", 0, NULL }, { NULL } };

static const struct keyval_row drive_rows[] = {
#define R(type, name, field, ...) ROW(type, config_drive, name, field, __VA_ARGS__)
    R(STRING, "file", file, NULL),
    R(STRING, "id", id, NULL),
    R(CHOICE, "format", format, drive_formats),
    R(CHOICE, "if", interface, drive_interfaces),
    R(CHOICE, "cache", cache, drive_caches),
    R(CHOICE, "media", media, drive_media),
    R(BOOL, "readonly", readonly, NULL),
    R(BOOL, "read-only", readonly, NULL),
    R(BOOL, "snapshot", snapshot, NULL),
    R(CHOICE, "discard", discard, drive_discards),
    R(NUMBER, "unit", unit, NULL),
    R(NUMBER, "index", unit, NULL),
    R(BOOL, "create", create, NULL),
    R(BOOL, "backing", backing, NULL),
#undef R
};
static const struct keyval_group drive_group = GROUP("-drive", NULL, drive_rows);

bool opt_drive(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_drive d = { .unit = CONFIG_UNIT_NEXT };
    if (wants_help(arg))
        return print_properties(o, &drive_group);
    if (c->drive_count == CONFIG_MAX_DRIVES)
        return error_set(o->err, "-drive: more than %d", CONFIG_MAX_DRIVES);
    if (!keyval_parse(c, &drive_group, arg, &d, o->err))
        return false;
    if (!d.file)
        return error_set(o->err, "-drive %s: no file=", arg);
    if (d.interface != CONFIG_IF_PFLASH && (d.create || d.unit != CONFIG_UNIT_NEXT))
        return error_set(o->err, "-drive %s: unit= and create= go with if=pflash", arg);
    if (d.interface == CONFIG_IF_PFLASH && d.unit >= CONFIG_FLASH_BANKS)
        return error_set(o->err, "-drive %s: the board has flash banks 0 and 1", arg);
    c->drives[c->drive_count++] = d;
    return true;
}

bool opt_pflash(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    if (c->drive_count == CONFIG_MAX_DRIVES)
        return error_set(o->err, "-drive: more than %d", CONFIG_MAX_DRIVES);
    c->drives[c->drive_count] = (struct config_drive){ .interface = CONFIG_IF_PFLASH,
                                                       .format = CONFIG_FORMAT_RAW,
                                                       .unit = CONFIG_UNIT_NEXT };
    return options_set_file(o, "-pflash", &c->drives[c->drive_count++].file, arg);
}

static const struct keyval_row fw_cfg_rows[] = {
#define R(name, field) ROW(STRING, config_fw_cfg, name, field, NULL)
    R("name", name), R("file", file), R("string", string),
#undef R
};
static const struct keyval_group fw_cfg_group = GROUP("-fw_cfg", "name", fw_cfg_rows);

bool opt_fw_cfg(struct options *o, const char *arg)
{
    struct machine_config *c = o->config;
    struct config_fw_cfg f = { 0 };
    if (c->fw_cfg_count == CONFIG_MAX_FW_CFG)
        return error_set(o->err, "-fw_cfg: more than %d", CONFIG_MAX_FW_CFG);
    if (!keyval_parse(c, &fw_cfg_group, arg, &f, o->err))
        return false;
    if (!f.name || !f.file == !f.string)
        return error_set(o->err, "-fw_cfg %s: it wants name= and one of file= and string=", arg);
    if (!*f.name || strlen(f.name) > CONFIG_FW_CFG_NAME)
        return error_set(o->err, "-fw_cfg %s: a name has 1 to %d bytes", arg, CONFIG_FW_CFG_NAME);
    c->fw_cfg[c->fw_cfg_count++] = f;
    return true;
}

bool opt_snapshot(struct options *o, const char *arg)
{
    o->config->snapshot = true;
    return true;
}

static struct config_drive *find_drive(struct machine_config *c, const char *id)
{
    for (size_t i = 0; i < c->drive_count; i++)
        if (c->drives[i].id && !strcmp(c->drives[i].id, id))
            return &c->drives[i];
    return NULL;
}

// Each -device finds its drive; each if=virtio drive gets its device.
bool options_connect_drives(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->device_count; i++) {
        struct config_device *d = &c->devices[i];
        if (!d->drive)
            continue;
        struct config_drive *drive = find_drive(c, d->drive);
        if (!drive)
            return error_set(o->err, "-device drive=%s: there is no -drive of that id", d->drive);
        if (drive->interface != CONFIG_IF_NONE)
            return error_set(o->err, "-device drive=%s: that drive needs if=none", d->drive);
        d->backend = drive;
        for (size_t j = 0; j < i; j++)
            if (c->devices[j].backend == drive)
                return error_set(o->err, "-device drive=%s: the drive is in use", d->drive);
    }
    for (size_t i = 0; i < c->drive_count; i++) {
        c->drives[i].snapshot |= c->snapshot;
        if (c->drives[i].interface != CONFIG_IF_VIRTIO)
            continue;
        if (c->device_count == CONFIG_MAX_DEVICES)
            return error_set(o->err, "-drive: the board's %d slots are taken", CONFIG_MAX_DEVICES);
        c->devices[c->device_count++] =
            (struct config_device){ .type = DEVICE_VIRTIO_BLK, .backend = &c->drives[i] };
    }
    return true;
}

static bool take_bank(struct options *o, int bank, const struct config_flash *contents)
{
    struct machine_config *c = o->config;
    for (int n = 0; bank == CONFIG_UNIT_NEXT && n < CONFIG_FLASH_BANKS; n++)
        if (!c->flash[n].file)
            bank = n;
    if (bank == CONFIG_UNIT_NEXT)
        return error_set(o->err, "%s: the board has two flash banks", contents->file);
    if (c->flash[bank].file)
        return error_set(o->err, "%s: flash bank %d already holds %s", contents->file, bank,
                         c->flash[bank].file);
    c->flash[bank] = *contents;
    return true;
}

// -bios is the first bank; the drives follow, those with a unit before the others.
bool options_fill_flash(struct options *o)
{
    struct machine_config *c = o->config;
    if (c->bios && !take_bank(o, 0, &(struct config_flash){ c->bios, .readonly = true }))
        return false;
    for (int named = 1; named >= 0; named--) {
        for (size_t i = 0; i < c->drive_count; i++) {
            const struct config_drive *d = &c->drives[i];
            struct config_flash contents = { d->file, d->readonly, d->snapshot, d->create };
            if (d->interface == CONFIG_IF_PFLASH && (d->unit >= 0) == named &&
                !take_bank(o, d->unit, &contents))
                return false;
        }
    }
    return true;
}
