// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-gpu's resources: pictures on the host, each perhaps with guest memory behind it that its
// pixels are transferred from.
//
// Whatever a guest asks for is bounded: pixels and bookkeeping of all resources together stay below
// a limit. Functions that carry out a command return its response (VIRTIO_GPU_RESP_*) and change
// nothing unless that is OK. Under the machine lock; the pixels outlive a resource while a front
// end holds them.
#ifndef DEVICES_VIRTIO_GPU_RESOURCE_H
#define DEVICES_VIRTIO_GPU_RESOURCE_H

#include "devices/display/display.h"
#include "devices/dma.h"

#include <linux/virtio_gpu.h>

struct gpu_pixels {
    struct display_memory memory;
    size_t size;
    uint8_t *data; // zero pages until drawn
};

// A stretch of guest memory behind a resource.
struct gpu_backing {
    gpa_t gpa;
    uint64_t at;         // which byte of the resource is its first
    const uint8_t *host; // in RAM, len bytes
    uint32_t len;
};

struct gpu_resource {
    struct gpu_resource *next; // in its bucket
    uint32_t id, width, height;
    uint32_t virtio_format;
    enum display_format format; // all have 4 bytes a pixel
    struct gpu_pixels *pixels;  // lines of 4 * width bytes
    struct gpu_backing *backing;
    uint32_t entries; // 0: no backing
};

enum { GPU_BUCKETS = 64, GPU_BYTES = 4, GPU_MAX_ENTRIES = 16384 };

struct gpu_resources {
    struct gpu_resource *bucket[GPU_BUCKETS];
    uint64_t used, limit; // bytes
};

struct gpu_resource *gpu_resource_find(const struct gpu_resources *all, uint32_t id);

uint32_t gpu_resource_create(struct gpu_resources *all,
                             const struct virtio_gpu_resource_create_2d *c);
void gpu_resource_unref(struct gpu_resources *all, struct gpu_resource *r);
void gpu_resources_clear(struct gpu_resources *all);

// entries[] is a copy; checked here.
uint32_t gpu_resource_attach(struct gpu_resources *all, struct gpu_resource *r,
                             const struct bus *bus, const struct virtio_gpu_mem_entry *entries,
                             uint32_t count);
void gpu_resource_detach(struct gpu_resources *all, struct gpu_resource *r);

// Copies a rectangle from the backing; offset is of its first pixel there, lines are those of the
// resource. *copied says how many bytes that were.
uint32_t gpu_resource_transfer(struct gpu_resource *r, const struct virtio_gpu_rect *rect,
                               uint64_t offset, uint64_t *copied);

// Whether a rectangle is not empty and lies in a picture of that size.
bool gpu_rect_inside(const struct virtio_gpu_rect *rect, uint32_t width, uint32_t height);

#endif
