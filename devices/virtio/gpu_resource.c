// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/virtio/gpu_resource.h"

#include "base/bits.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static struct gpu_resource **bucket(struct gpu_resources *all, uint32_t id)
{
    return &all->bucket[id % GPU_BUCKETS];
}

struct gpu_resource *gpu_resource_find(const struct gpu_resources *all, uint32_t id)
{
    struct gpu_resource *r = all->bucket[id % GPU_BUCKETS];
    while (r && r->id != id)
        r = r->next;
    return r;
}

// Memory of its own, so that it goes back to the host when it is released.
static void release_pixels(struct display_memory *mem)
{
    struct gpu_pixels *p = container_of(mem, struct gpu_pixels, memory);
    munmap(p->data, p->size);
    free(p);
}

static struct gpu_pixels *make_pixels(size_t size)
{
    void *data = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (data == MAP_FAILED)
        return NULL;
    struct gpu_pixels *p = calloc(1, sizeof *p);
    assert(p);
    *p = (struct gpu_pixels){{1, release_pixels}, size, data};
    return p;
}

static uint64_t cost_of(const struct gpu_resource *r)
{
    return sizeof *r + r->pixels->size;
}

uint32_t gpu_resource_create(struct gpu_resources *all,
                             const struct virtio_gpu_resource_create_2d *c)
{
    enum display_format format = display_format_of_virtio_gpu(c->format);
    if (!c->resource_id || gpu_resource_find(all, c->resource_id))
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (format == DISPLAY_NO_FORMAT || !c->width || !c->height || c->width > DISPLAY_MAX_WIDTH ||
        c->height > DISPLAY_MAX_HEIGHT)
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    assert(display_format_info(format)->bytes == GPU_BYTES);
    size_t size = (size_t)GPU_BYTES * c->width * c->height;
    struct gpu_resource *r = NULL;
    if (size + sizeof *r > all->limit - all->used)
        return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
    struct gpu_pixels *pixels = make_pixels(size);
    if (!pixels)
        return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
    r = calloc(1, sizeof *r);
    assert(r);
    *r = (struct gpu_resource){.next = *bucket(all, c->resource_id),
                               .id = c->resource_id,
                               .width = c->width,
                               .height = c->height,
                               .virtio_format = c->format,
                               .format = format,
                               .pixels = pixels};
    *bucket(all, c->resource_id) = r;
    all->used += cost_of(r);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_resource_unref(struct gpu_resources *all, struct gpu_resource *r)
{
    struct gpu_resource **p = bucket(all, r->id);
    while (*p != r)
        p = &(*p)->next;
    *p = r->next;
    gpu_resource_detach(all, r);
    all->used -= cost_of(r);
    display_memory_unref(&r->pixels->memory);
    free(r);
}

void gpu_resources_clear(struct gpu_resources *all)
{
    for (size_t i = 0; i < GPU_BUCKETS; i++)
        while (all->bucket[i])
            gpu_resource_unref(all, all->bucket[i]);
    assert(!all->used);
}

uint32_t gpu_resource_attach(struct gpu_resources *all, struct gpu_resource *r,
                             const struct bus *bus, const struct virtio_gpu_mem_entry *entries,
                             uint32_t count)
{
    if (r->entries)
        return VIRTIO_GPU_RESP_ERR_UNSPEC;
    if (!count || count > GPU_MAX_ENTRIES)
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    if (count * sizeof *r->backing > all->limit - all->used)
        return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
    struct gpu_backing *b = calloc(count, sizeof *b);
    assert(b);
    uint64_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct virtio_gpu_mem_entry *e = &entries[i];
        b[i] =
            (struct gpu_backing){e->addr, at, dma_ptr(bus, e->addr, e->length, false), e->length};
        if (!e->length || !b[i].host) {
            free(b);
            return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
        }
        at += e->length;
    }
    r->backing = b;
    r->entries = count;
    all->used += count * sizeof *b;
    return VIRTIO_GPU_RESP_OK_NODATA;
}

void gpu_resource_detach(struct gpu_resources *all, struct gpu_resource *r)
{
    all->used -= r->entries * sizeof *r->backing;
    free(r->backing);
    r->backing = NULL;
    r->entries = 0;
}

static uint64_t backing_len(const struct gpu_resource *r)
{
    const struct gpu_backing *last = &r->backing[r->entries - 1];
    return last->at + last->len;
}

// The stretch that holds byte `offset` of the backing, which has it.
static uint32_t find_entry(const struct gpu_resource *r, uint64_t offset)
{
    uint32_t low = 0, high = r->entries;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (r->backing[middle].at <= offset)
            low = middle;
        else
            high = middle;
    }
    return low;
}

// Copies len bytes from `offset` on; *entry is where to start looking, and is moved along.
static void gather(const struct gpu_resource *r, uint32_t *entry, uint64_t offset, uint8_t *to,
                   uint64_t len)
{
    while (len) {
        const struct gpu_backing *b = &r->backing[*entry];
        uint64_t skip = offset - b->at;
        if (skip >= b->len) {
            ++*entry;
            continue;
        }
        uint64_t n = b->len - skip < len ? b->len - skip : len;
        memcpy(to, b->host + skip, n);
        to += n;
        offset += n;
        len -= n;
    }
}

bool gpu_rect_inside(const struct virtio_gpu_rect *rect, uint32_t width, uint32_t height)
{
    return rect->width && rect->height && rect->width <= width && rect->height <= height &&
           rect->x <= width - rect->width && rect->y <= height - rect->height;
}

uint32_t gpu_resource_transfer(struct gpu_resource *r, const struct virtio_gpu_rect *rect,
                               uint64_t offset, uint64_t *copied)
{
    uint64_t stride = (uint64_t)GPU_BYTES * r->width, line = (uint64_t)GPU_BYTES * rect->width;
    if (!gpu_rect_inside(rect, r->width, r->height))
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    if (!r->entries)
        return VIRTIO_GPU_RESP_ERR_UNSPEC;
    uint64_t need = stride * (rect->height - 1) + line, have = backing_len(r);
    if (offset > have || need > have - offset)
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    uint8_t *to = r->pixels->data + rect->y * stride + (uint64_t)GPU_BYTES * rect->x;
    uint32_t entry = find_entry(r, offset);
    if (line == stride)
        gather(r, &entry, offset, to, line * rect->height);
    else
        for (uint32_t y = 0; y < rect->height; y++)
            gather(r, &entry, offset + y * stride, to + y * stride, line);
    *copied = line * rect->height;
    return VIRTIO_GPU_RESP_OK_NODATA;
}
