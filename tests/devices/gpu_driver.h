// SPDX-License-Identifier: GPL-3.0-or-later
// A virtio-gpu on a bare bus and a driver for it, for the tests of its commands and of bad ones.
#ifndef TESTS_DEVICES_GPU_DRIVER_H
#define TESTS_DEVICES_GPU_DRIVER_H

#include "devices/virtio/gpu.h"
#include "virtio_driver.h"

#include <linux/virtio_gpu.h>

#define GPU_REQUEST (RAM_BASE + 0x8000)
#define GPU_ANSWER  (RAM_BASE + 0xc000)
#define GPU_MEMORY  (RAM_BASE + 0x20000) // for pixels, up to the end

struct gpu_bed {
    struct bench b;
    struct driver control, cursor;
    struct device *dev;
    struct display *display;
    unsigned answers; // so far
};

void gpu_bed_init(struct gpu_bed *g, uint64_t max_hostmem);
void gpu_bed_fini(struct gpu_bed *g);

// Sends len bytes with room for an answer; returns how long that is, and copies it to answer.
uint32_t gpu_send(struct gpu_bed *g, const void *request, uint32_t len, void *answer,
                  uint32_t room);
void gpu_send_cursor(struct gpu_bed *g, const void *request, uint32_t len);

// The commands; each returns the type of the answer, and wants one of 24 bytes.
uint32_t gpu_create(struct gpu_bed *g, uint32_t id, uint32_t format, uint32_t w, uint32_t h);
uint32_t gpu_unref(struct gpu_bed *g, uint32_t id);
uint32_t gpu_attach(struct gpu_bed *g, uint32_t id, uint32_t count, const gpa_t *at,
                    const uint32_t *len);
uint32_t gpu_detach(struct gpu_bed *g, uint32_t id);
uint32_t gpu_scanout(struct gpu_bed *g, uint32_t scanout, uint32_t id, uint32_t x, uint32_t y,
                     uint32_t w, uint32_t h);
uint32_t gpu_transfer(struct gpu_bed *g, uint32_t id, uint32_t x, uint32_t y, uint32_t w,
                      uint32_t h, uint64_t offset);
uint32_t gpu_flush(struct gpu_bed *g, uint32_t id, uint32_t x, uint32_t y, uint32_t w, uint32_t h);

#endif
