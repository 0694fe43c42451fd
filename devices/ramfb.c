// SPDX-License-Identifier: GPL-3.0-or-later
// The file is QEMU's: 28 bytes, big-endian. A configuration that cannot be shown (no such format,
// no size, lines that overlap, outside RAM) is logged and the picture stays as it was; nothing can
// be answered. All of it is looked at after every write.
#include "devices/ramfb.h"

#include "base/bits.h"
#include "devices/dma.h"

#include <assert.h>
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1

struct file {
    uint64_t addr;
    uint32_t fourcc, flags, width, height, stride;
} __attribute__((packed));

_Static_assert(sizeof(struct file) == 28, "as guests have it");

struct ramfb_state {   // plain, saved
    struct file file;  // as the guest wrote it
    struct file shown; // the last that could be shown, in the host's byte order
    uint8_t on;
    uint8_t reserved[7];
};

struct ramfb {
    struct device dev;
    struct ramfb_state s;
    const struct bus *bus;
    struct display display;
    const struct log *log;
};

static struct file to_host(const struct file *f)
{
    return (struct file){
        .addr = be64toh(f->addr),
        .fourcc = be32toh(f->fourcc),
        .flags = be32toh(f->flags),
        .width = be32toh(f->width),
        .height = be32toh(f->height),
        .stride = be32toh(f->stride),
    };
}

// Makes a surface of it; NULL, or what is wrong.
static const char *make_surface(const struct ramfb *r, const struct file *f,
                                struct display_surface *s)
{
    enum display_format format = display_format_of_fourcc(f->fourcc);
    if (format == DISPLAY_NO_FORMAT)
        return "no such format";
    if (!f->width || !f->height || f->width > DISPLAY_MAX_WIDTH || f->height > DISPLAY_MAX_HEIGHT)
        return "no such size";
    uint64_t line = (uint64_t)f->width * display_format_info(format)->bytes;
    uint64_t stride = f->stride ? f->stride : line;
    if (stride < line)
        return "lines overlap";
    *s = (struct display_surface){
        .data = dma_ptr(r->bus, f->addr, stride * (f->height - 1) + line, false),
        .width = f->width,
        .height = f->height,
        .stride = (uint32_t)stride,
        .format = format,
        .direct = true,
        .gpa = f->addr,
    };
    return s->data ? NULL : "outside RAM";
}

static void written(void *opaque, uint32_t offset, uint32_t len)
{
    struct ramfb *r = opaque;
    struct display_surface s;
    struct file f = to_host(&r->s.file);
    const char *why = make_surface(r, &f, &s);
    if (why) {
        log_printf(r->log, LOG_GUEST_ERROR, "%s: %s: format 0x%x, %ux%u, stride %u, at 0x%llx\n",
                   r->dev.name, why, f.fourcc, f.width, f.height, f.stride,
                   (unsigned long long)f.addr);
        return;
    }
    r->s.shown = f;
    r->s.on = 1;
    display_set_surface(&r->display, &s);
}

static void ramfb_reset(void *opaque)
{
    struct ramfb *r = opaque;
    r->s = (struct ramfb_state){0};
    display_set_surface(&r->display, NULL);
}

static void ramfb_save(void *opaque, struct state_writer *w)
{
    struct ramfb *r = opaque;
    state_put(w, r->dev.name, STATE_VERSION, &r->s, sizeof r->s);
}

static bool ramfb_load(void *opaque, struct state_reader *reader, struct error *err)
{
    struct ramfb *r = opaque;
    struct ramfb_state s;
    struct display_surface surface;
    if (!state_get(reader, r->dev.name, STATE_VERSION, &s, sizeof s, err))
        return false;
    if (s.on > 1 || (s.on && make_surface(r, &s.shown, &surface)))
        return error_set(err, "saved state: section \"%s\" is damaged", r->dev.name);
    r->s = s;
    display_set_surface(&r->display, s.on ? &surface : NULL);
    return true;
}

static void ramfb_destroy(void *opaque)
{
    struct ramfb *r = opaque;
    display_fini(&r->display);
    free(r);
}

struct device *ramfb_create(const char *name, const struct bus *bus, struct fw_cfg *fw,
                            const struct log *log)
{
    static const struct device_ops ops = {
        .reset = ramfb_reset,
        .save = ramfb_save,
        .load = ramfb_load,
        .destroy = ramfb_destroy,
    };
    struct ramfb *r = calloc(1, sizeof *r);
    assert(r);
    device_init(&r->dev, &ops, r, 0, name);
    r->bus = bus;
    r->log = log;
    display_init(&r->display, "ramfb", NULL, NULL);
    fw_cfg_add_file(fw, "etc/ramfb", &r->s.file, sizeof r->s.file, written, r);
    return &r->dev;
}

struct display *ramfb_display(struct device *dev)
{
    return &((struct ramfb *)dev->opaque)->display;
}
