// SPDX-License-Identifier: GPL-3.0-or-later
// The commands, virtio 1.2 5.7.6.8 and 5.7.6.10. A request is copied first; what it names is
// checked; one that is wrong is answered with an error and changes nothing. Commands are carried
// out at once, so a fence is reached when its request is answered.
#include "devices/virtio/gpu_device.h"

#include "devices/display/edid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

// Scanout and cursor ------------------------------------------------------------------------------

void gpu_show_scanout(struct virtio_gpu *g)
{
    struct gpu_resource *r = gpu_resource_find(&g->resources, g->s.scanout);
    if (!g->s.scanout || !r) {
        display_set_surface(&g->display, NULL);
        return;
    }
    const struct virtio_gpu_rect *rect = &g->s.rect;
    uint32_t stride = GPU_BYTES * r->width;
    struct display_surface surface = {
        .data = r->pixels->data + (size_t)rect->y * stride + (size_t)GPU_BYTES * rect->x,
        .width = rect->width,
        .height = rect->height,
        .stride = stride,
        .format = r->format,
        .memory = &r->pixels->memory,
    };
    display_set_surface(&g->display, &surface);
}

void gpu_show_cursor(struct virtio_gpu *g)
{
    const struct gpu_state *s = &g->s;
    struct display_cursor *c = NULL;
    if (s->cursor_width) {
        c = display_cursor_create(s->cursor_width, s->cursor_height);
        c->hot_x = s->hot_x;
        c->hot_y = s->hot_y;
        memcpy(c->pixels, s->cursor, sizeof *s->cursor * s->cursor_width * s->cursor_height);
    }
    display_set_cursor(&g->display, c, s->cursor_x, s->cursor_y);
    display_memory_unref(c ? &c->memory : NULL);
}

static void forget_scanout(struct virtio_gpu *g)
{
    g->s.scanout = 0;
    g->s.rect = (struct virtio_gpu_rect){0};
    gpu_show_scanout(g);
}

// Commands ----------------------------------------------------------------------------------------

static uint32_t get_display_info(struct virtio_gpu *g, struct gpu_request *q)
{
    q->resp.display.pmodes[0].r =
        (struct virtio_gpu_rect){.width = g->s.width, .height = g->s.height};
    q->resp.display.pmodes[0].enabled = 1;
    q->resp_size = sizeof q->resp.display;
    return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

static uint32_t get_edid(struct virtio_gpu *g, struct gpu_request *q)
{
    if (q->cmd.edid.scanout)
        return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
    q->resp.edid.size = EDID_SIZE;
    edid_make(q->resp.edid.edid, g->s.width, g->s.height);
    q->resp_size = sizeof q->resp.edid;
    return VIRTIO_GPU_RESP_OK_EDID;
}

static uint32_t create_2d(struct virtio_gpu *g, struct gpu_request *q)
{
    return gpu_resource_create(&g->resources, &q->cmd.create);
}

static uint32_t unref(struct virtio_gpu *g, struct gpu_request *q)
{
    struct gpu_resource *r = gpu_resource_find(&g->resources, q->cmd.unref.resource_id);
    if (!r)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (g->s.scanout == r->id)
        forget_scanout(g);
    gpu_resource_unref(&g->resources, r);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t set_scanout(struct virtio_gpu *g, struct gpu_request *q)
{
    const struct virtio_gpu_set_scanout *c = &q->cmd.scanout;
    if (c->scanout_id)
        return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
    if (!c->resource_id) {
        forget_scanout(g);
        return VIRTIO_GPU_RESP_OK_NODATA;
    }
    struct gpu_resource *r = gpu_resource_find(&g->resources, c->resource_id);
    if (!r)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!gpu_rect_inside(&c->r, r->width, r->height))
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    g->s.scanout = r->id;
    g->s.rect = c->r;
    gpu_show_scanout(g);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t flush(struct virtio_gpu *g, struct gpu_request *q)
{
    const struct virtio_gpu_rect *rect = &q->cmd.flush.r, *shown = &g->s.rect;
    const struct gpu_resource *r = gpu_resource_find(&g->resources, q->cmd.flush.resource_id);
    if (!r)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!gpu_rect_inside(rect, r->width, r->height))
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    uint32_t first = rect->y > shown->y ? rect->y : shown->y;
    uint32_t end = rect->y + rect->height, shown_end = shown->y + shown->height;
    end = end < shown_end ? end : shown_end;
    bool beside = rect->x >= shown->x + shown->width || rect->x + rect->width <= shown->x;
    if (g->s.scanout == r->id && first < end && !beside)
        display_damage(&g->display, first - shown->y, end - first);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t transfer(struct virtio_gpu *g, struct gpu_request *q)
{
    const struct virtio_gpu_transfer_to_host_2d *c = &q->cmd.transfer;
    struct gpu_resource *r = gpu_resource_find(&g->resources, c->resource_id);
    if (!r)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    uint64_t copied = 0;
    uint32_t answer = gpu_resource_transfer(r, &c->r, c->offset, &copied);
    g->copied += copied;
    return answer;
}

static uint32_t attach(struct virtio_gpu *g, struct gpu_request *q)
{
    const struct virtio_gpu_resource_attach_backing *c = &q->cmd.attach;
    struct gpu_resource *r = gpu_resource_find(&g->resources, c->resource_id);
    size_t size = c->nr_entries * sizeof(struct virtio_gpu_mem_entry);
    if (!r)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!c->nr_entries || c->nr_entries > GPU_MAX_ENTRIES || q->chain.out_len < sizeof *c + size)
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    struct virtio_gpu_mem_entry *entries = malloc(size);
    assert(entries);
    virtq_read(&q->chain, sizeof *c, entries, size);
    uint32_t answer = gpu_resource_attach(&g->resources, r, g->v.bus, entries, c->nr_entries);
    free(entries);
    return answer;
}

static uint32_t detach(struct virtio_gpu *g, struct gpu_request *q)
{
    struct gpu_resource *r = gpu_resource_find(&g->resources, q->cmd.detach.resource_id);
    if (!r)
        return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
    if (!r->entries)
        return VIRTIO_GPU_RESP_ERR_UNSPEC;
    gpu_resource_detach(&g->resources, r);
    return VIRTIO_GPU_RESP_OK_NODATA;
}

static const struct command {
    uint32_t type;
    size_t size; // of the request
    uint32_t (*run)(struct virtio_gpu *g, struct gpu_request *q);
} commands[] = {
    {VIRTIO_GPU_CMD_GET_DISPLAY_INFO, sizeof(struct virtio_gpu_ctrl_hdr), get_display_info},
    {VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, sizeof(struct virtio_gpu_resource_create_2d), create_2d},
    {VIRTIO_GPU_CMD_RESOURCE_UNREF, sizeof(struct virtio_gpu_resource_unref), unref},
    {VIRTIO_GPU_CMD_SET_SCANOUT, sizeof(struct virtio_gpu_set_scanout), set_scanout},
    {VIRTIO_GPU_CMD_RESOURCE_FLUSH, sizeof(struct virtio_gpu_resource_flush), flush},
    {VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, sizeof(struct virtio_gpu_transfer_to_host_2d), transfer},
    {VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, sizeof(struct virtio_gpu_resource_attach_backing),
     attach},
    {VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, sizeof(struct virtio_gpu_resource_detach_backing),
     detach},
    {VIRTIO_GPU_CMD_GET_EDID, sizeof(struct virtio_gpu_cmd_get_edid), get_edid},
};

static uint32_t run(struct virtio_gpu *g, struct gpu_request *q)
{
    if (q->chain.out_len < sizeof q->cmd.hdr)
        return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
    for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
        if (commands[i].type == q->cmd.hdr.type)
            return q->chain.out_len < commands[i].size ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
                                                       : commands[i].run(g, q);
    return VIRTIO_GPU_RESP_ERR_UNSPEC;
}

static void fetch(struct gpu_request *q)
{
    memset(&q->cmd, 0, sizeof q->cmd);
    memset(&q->resp, 0, sizeof q->resp);
    q->resp_size = sizeof q->resp.hdr;
    virtq_read(&q->chain, 0, &q->cmd, sizeof q->cmd);
}

void gpu_run_control(struct virtio_gpu *g)
{
    struct gpu_request *q = &g->request;
    fetch(q);
    uint32_t answer = run(g, q);
    // Where the answer proper does not fit, an error may.
    if (q->resp_size > q->chain.in_len && q->resp_size > sizeof q->resp.hdr) {
        memset(&q->resp, 0, sizeof q->resp);
        answer = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
        q->resp_size = sizeof q->resp.hdr;
    }
    if (answer >= VIRTIO_GPU_RESP_ERR_UNSPEC)
        log_printf(g->v.log, LOG_GUEST_ERROR, "%s: command 0x%x refused: 0x%x\n", g->v.name,
                   q->cmd.hdr.type, answer);
    q->resp.hdr.type = answer;
    if (q->cmd.hdr.flags & VIRTIO_GPU_FLAG_FENCE) {
        q->resp.hdr.flags = VIRTIO_GPU_FLAG_FENCE;
        q->resp.hdr.fence_id = q->cmd.hdr.fence_id;
        q->resp.hdr.ctx_id = q->cmd.hdr.ctx_id;
    }
}

// The cursor queue --------------------------------------------------------------------------------

static uint32_t component(uint32_t pixel, struct display_component c)
{
    return pixel >> c.shift & 0xff;
}

// The pixels of a resource as ARGB8888. Linux makes its cursors in a format without alpha and means
// alpha all the same: it is the byte that is nobody else's.
static void copy_cursor(uint32_t *to, const struct gpu_resource *r)
{
    const struct display_format_info *f = display_format_info(r->format);
    const struct display_component alpha = {
        (uint8_t)(0 + 8 + 16 + 24 - f->r.shift - f->g.shift - f->b.shift), 8};
    for (size_t i = 0; i < (size_t)r->width * r->height; i++) {
        uint32_t pixel;
        memcpy(&pixel, r->pixels->data + GPU_BYTES * i, sizeof pixel);
        to[i] = component(pixel, alpha) << 24 | component(pixel, f->r) << 16 |
                component(pixel, f->g) << 8 | component(pixel, f->b);
    }
}

static bool update_cursor(struct virtio_gpu *g, const struct virtio_gpu_update_cursor *c)
{
    struct gpu_state *s = &g->s;
    const struct gpu_resource *r = gpu_resource_find(&g->resources, c->resource_id);
    if (c->resource_id && (!r || r->width > DISPLAY_MAX_CURSOR || r->height > DISPLAY_MAX_CURSOR))
        return false;
    s->cursor_width = c->resource_id ? r->width : 0;
    s->cursor_height = c->resource_id ? r->height : 0;
    s->hot_x = s->hot_y = 0;
    memset(s->cursor, 0, sizeof s->cursor);
    if (c->resource_id) {
        s->hot_x = c->hot_x < r->width ? c->hot_x : r->width - 1;
        s->hot_y = c->hot_y < r->height ? c->hot_y : r->height - 1;
        copy_cursor(s->cursor, r);
    }
    s->cursor_x = (int32_t)c->pos.x;
    s->cursor_y = (int32_t)c->pos.y;
    gpu_show_cursor(g);
    return true;
}

static bool move_cursor(struct virtio_gpu *g, const struct virtio_gpu_update_cursor *c)
{
    g->s.cursor_x = (int32_t)c->pos.x;
    g->s.cursor_y = (int32_t)c->pos.y;
    display_move_pointer(&g->display, g->s.cursor_x, g->s.cursor_y);
    return true;
}

void gpu_run_cursor(struct virtio_gpu *g)
{
    struct gpu_request *q = &g->request;
    fetch(q);
    const struct virtio_gpu_update_cursor *c = &q->cmd.cursor;
    bool ok = q->chain.out_len >= sizeof *c && !c->pos.scanout_id;
    if (ok && c->hdr.type == VIRTIO_GPU_CMD_UPDATE_CURSOR)
        ok = update_cursor(g, c);
    else if (ok && c->hdr.type == VIRTIO_GPU_CMD_MOVE_CURSOR)
        ok = move_cursor(g, c);
    else
        ok = false;
    if (!ok)
        log_printf(g->v.log, LOG_GUEST_ERROR, "%s: cursor command 0x%x refused\n", g->v.name,
                   q->cmd.hdr.type);
}
