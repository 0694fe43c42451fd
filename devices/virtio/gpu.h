// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-gpu (virtio 1.2, 5.7) without 3D: one scanout, a cursor, EDID.
#ifndef DEVICES_VIRTIO_GPU_H
#define DEVICES_VIRTIO_GPU_H

#include "devices/display/display.h"
#include "devices/virtio/virtio.h"

enum { VIRTIO_GPU_DEFAULT_WIDTH = 1280, VIRTIO_GPU_DEFAULT_HEIGHT = 800 };

struct virtio_gpu_config_host {
    uint32_t width, height; // the mode to prefer until a front end has a wish; 0: the defaults
    uint64_t max_hostmem;   // bytes of all resources; 0: 256 MiB
    struct clock *clock;    // on which wishes of front ends are served
};

struct virtio *virtio_gpu_create(const struct virtio_gpu_config_host *config);

// Where it shows; lives as long as the device.
struct display *virtio_gpu_display(struct virtio *v);

#endif
