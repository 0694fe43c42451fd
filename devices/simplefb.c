// SPDX-License-Identifier: GPL-3.0-or-later
// State: the pixels. What lies behind the last line, up to the end of the page, is memory too.
#include "devices/simplefb.h"

#include "base/bits.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define STATE_VERSION 1
#define PAGE          4096u

struct simplefb_state {                       // plain, saved in front of the memory
    uint32_t width, height, format, reserved; // compared when the state is loaded
};

struct simplefb {
    struct device dev;
    struct simplefb_state s;
    uint32_t stride;
    uint64_t size; // bytes, whole pages
    uint8_t *memory;
    struct display display;
};

static void simplefb_reset(void *opaque)
{
    struct simplefb *f = opaque;
    madvise(f->memory, f->size, MADV_DONTNEED); // reads as zero again
    display_damage(&f->display, 0, f->s.height);
}

static void simplefb_save(void *opaque, struct state_writer *w)
{
    struct simplefb *f = opaque;
    state_put(w, f->dev.name, STATE_VERSION, &f->s, sizeof f->s);
    state_put(w, "simplefb.memory", STATE_VERSION, f->memory, f->size);
}

static bool simplefb_load(void *opaque, struct state_reader *r, struct error *err)
{
    struct simplefb *f = opaque;
    struct simplefb_state s;
    if (!state_get(r, f->dev.name, STATE_VERSION, &s, sizeof s, err))
        return false;
    if (memcmp(&s, &f->s, sizeof s))
        return error_set(err, "saved state: %s is %ux%u, the machine's is %ux%u", f->dev.name,
                         s.width, s.height, f->s.width, f->s.height);
    if (!state_get(r, "simplefb.memory", STATE_VERSION, f->memory, f->size, err))
        return false;
    display_damage(&f->display, 0, f->s.height);
    return true;
}

static int simplefb_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    const struct simplefb *f = opaque;
    const char compatible[] = "simple-framebuffer";
    const char *format = display_format_info((enum display_format)f->s.format)->fdt;
    int e = fdt_node_begin(fdt, "framebuffer", place, f->size, compatible, sizeof compatible, 0);
    e = e ? e : fdt_property_u32(fdt, "width", f->s.width);
    e = e ? e : fdt_property_u32(fdt, "height", f->s.height);
    e = e ? e : fdt_property_u32(fdt, "stride", f->stride);
    e = e ? e : fdt_property_string(fdt, "format", format);
    return e ? e : fdt_end_node(fdt);
}

static void simplefb_destroy(void *opaque)
{
    struct simplefb *f = opaque;
    display_fini(&f->display);
    munmap(f->memory, f->size);
    free(f);
}

static bool allocate(struct simplefb *f, const char *name, struct error *err)
{
    uint64_t bytes = (uint64_t)f->stride * f->s.height;
    if (bytes > SIMPLEFB_MAX_SIZE)
        return error_set(err, "%s: %ux%u takes %llu bytes; %u are the most", name, f->s.width,
                         f->s.height, (unsigned long long)bytes, (unsigned)SIMPLEFB_MAX_SIZE);
    f->size = ALIGN_UP(bytes, (uint64_t)PAGE);
    void *p = mmap(NULL, f->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return error_set(err, "%s: %s", name, strerror(errno));
    f->memory = p;
    return true;
}

struct device *simplefb_create(const char *name, const struct simplefb_config *config,
                               struct error *err)
{
    static const struct device_ops ops = {
        .reset = simplefb_reset,
        .save = simplefb_save,
        .load = simplefb_load,
        .fdt_node = simplefb_fdt_node,
        .destroy = simplefb_destroy,
    };
    if (!config->width || !config->height || config->width > DISPLAY_MAX_WIDTH ||
        config->height > DISPLAY_MAX_HEIGHT || config->format >= DISPLAY_FORMATS ||
        !display_format_info(config->format)->fdt) {
        error_set(err, "%s: %ux%u is not a mode it can have", name, config->width, config->height);
        return NULL;
    }
    struct simplefb *f = calloc(1, sizeof *f);
    assert(f);
    device_init(&f->dev, &ops, f, 0, name);
    f->s = (struct simplefb_state){config->width, config->height, config->format, 0};
    f->stride = config->width * display_format_info(config->format)->bytes;
    if (!allocate(f, name, err)) {
        free(f);
        return NULL;
    }
    struct display_surface surface = {.data = f->memory,
                                      .width = config->width,
                                      .height = config->height,
                                      .stride = f->stride,
                                      .format = config->format,
                                      .direct = true,
                                      .gpa = config->gpa};
    display_init(&f->display, "simple-framebuffer", NULL, NULL);
    display_set_surface(&f->display, &surface);
    return &f->dev;
}

uint8_t *simplefb_memory(struct device *dev, uint64_t *size)
{
    struct simplefb *f = dev->opaque;
    *size = f->size;
    return f->memory;
}

struct display *simplefb_display(struct device *dev)
{
    return &((struct simplefb *)dev->opaque)->display;
}
