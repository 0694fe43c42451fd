// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-balloon (virtio 1.2, 5.5): memory that the guest does without goes back to the host.
#ifndef DEVICES_VIRTIO_BALLOON_H
#define DEVICES_VIRTIO_BALLOON_H

#include "devices/virtio/virtio.h"

struct virtio_balloon_config {
    // Gives RAM back to the host: it reads as zero afterwards. Whole pages of 4 KiB inside RAM.
    void (*release)(void *opaque, gpa_t gpa, uint64_t len);
    void *opaque;
    bool deflate_on_oom;      // the guest may take pages back when it runs out of memory
    bool free_page_reporting; // it tells of its free pages as it goes
};

struct virtio *virtio_balloon_create(const struct virtio_balloon_config *config);

// How many pages of 4 KiB the guest is asked to do without, and how many it does.
void virtio_balloon_set_target(struct virtio *v, uint32_t pages);
uint32_t virtio_balloon_actual(const struct virtio *v);

#endif
