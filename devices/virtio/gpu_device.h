// SPDX-License-Identifier: GPL-3.0-or-later
// What the files of virtio-gpu share: gpu.c (queues, configuration, state), gpu_command.c.
#ifndef DEVICES_VIRTIO_GPU_DEVICE_H
#define DEVICES_VIRTIO_GPU_DEVICE_H

#include "devices/virtio/gpu.h"
#include "devices/virtio/gpu_resource.h"

enum { GPU_QUEUE_CONTROL, GPU_QUEUE_CURSOR, GPU_QUEUES };

struct gpu_state { // plain, saved
    uint32_t events_read;
    uint32_t width, height;               // the mode that display info and EDID prefer
    uint32_t scanout;                     // resource shown, 0 for none
    struct virtio_gpu_rect rect;          // of it
    uint32_t cursor_width, cursor_height; // 0: no cursor
    uint32_t hot_x, hot_y;
    int32_t cursor_x, cursor_y;
    uint32_t reserved;
    uint32_t cursor[DISPLAY_MAX_CURSOR * DISPLAY_MAX_CURSOR]; // lines of cursor_width words
};

// A request on the control queue and its answer.
struct gpu_request {
    struct virtq_chain chain;
    union {
        struct virtio_gpu_ctrl_hdr hdr;
        struct virtio_gpu_resource_create_2d create;
        struct virtio_gpu_resource_unref unref;
        struct virtio_gpu_set_scanout scanout;
        struct virtio_gpu_resource_flush flush;
        struct virtio_gpu_transfer_to_host_2d transfer;
        struct virtio_gpu_resource_attach_backing attach;
        struct virtio_gpu_resource_detach_backing detach;
        struct virtio_gpu_cmd_get_edid edid;
        struct virtio_gpu_update_cursor cursor;
    } cmd;
    union {
        struct virtio_gpu_ctrl_hdr hdr;
        struct virtio_gpu_resp_display_info display;
        struct virtio_gpu_resp_edid edid;
    } resp;
    size_t resp_size;
};

struct virtio_gpu {
    struct virtio v;
    struct gpu_state s;
    struct gpu_resources resources;
    struct display display;
    struct clock_timer resize; // a front end has a wish
    uint64_t copied;           // bytes in the present notification
    struct gpu_request request;
};

// Carries out g->request, whose chain is there: fills cmd and resp. A cursor request is answered by
// nothing.
void gpu_run_control(struct virtio_gpu *g);
void gpu_run_cursor(struct virtio_gpu *g);

// Shows what the state says (after a load).
void gpu_show_scanout(struct virtio_gpu *g);
void gpu_show_cursor(struct virtio_gpu *g);

#endif
