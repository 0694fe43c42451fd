// SPDX-License-Identifier: GPL-3.0-or-later
#include "gpu_driver.h"

#include <string.h>

void gpu_bed_init(struct gpu_bed *g, uint64_t max_hostmem)
{
    struct error err;
    *g = (struct gpu_bed){0};
    bench_init(&g->b);
    struct virtio *v = virtio_gpu_create(&(struct virtio_gpu_config_host){
        .width = 640, .height = 400, .max_hostmem = max_hostmem, .clock = &g->b.clock});
    g->display = virtio_gpu_display(v);
    // Legacy is asked for and not had.
    g->dev = virtio_mmio_create("virtio-mmio", &g->b.bus, &g->b.clock, bench_wire(&g->b, 0), true,
                                v, NULL);
    cr_assert(bus_map(&g->b.bus, DEV_BASE, g->dev, &err));
    driver_start(&g->control, &g->b, false, 16, RAM_BASE, BIT(VIRTIO_GPU_F_EDID));
    driver_add_queue(&g->cursor, &g->control, 1, 16, RAM_BASE + 0x4000);
}

void gpu_bed_fini(struct gpu_bed *g)
{
    device_destroy(g->dev);
    bench_fini(&g->b);
}

uint32_t gpu_send(struct gpu_bed *g, const void *request, uint32_t len, void *answer, uint32_t room)
{
    uint8_t *ram = g->b.ram;
    memcpy(ram + (GPU_REQUEST - RAM_BASE), request, len);
    memset(ram + (GPU_ANSWER - RAM_BASE), 0xee, 0x1000);
    driver_desc(&g->control, 0, GPU_REQUEST, len, room ? V_NEXT : 0, 1);
    driver_desc(&g->control, 1, GPU_ANSWER, room, V_WRITE, 0);
    driver_offer(&g->control, 0);
    driver_kick(&g->control);
    clock_step(&g->b.clock, 0);
    EXPECT(driver_used_index(&g->control), (uint16_t)(g->answers + 1));
    uint32_t used = driver_used(&g->control, g->answers++).len;
    cr_assert(used <= room);
    EXPECT(ram[GPU_ANSWER - RAM_BASE + room], 0xee);
    if (answer)
        memcpy(answer, ram + (GPU_ANSWER - RAM_BASE), used);
    return used;
}

void gpu_send_cursor(struct gpu_bed *g, const void *request, uint32_t len)
{
    uint16_t before = driver_used_index(&g->cursor);
    memcpy(g->b.ram + (GPU_REQUEST - RAM_BASE), request, len);
    driver_desc(&g->cursor, 0, GPU_REQUEST, len, 0, 0);
    driver_offer(&g->cursor, 0);
    driver_kick(&g->cursor);
    EXPECT(driver_used_index(&g->cursor), (uint16_t)(before + 1));
    EXPECT(driver_used(&g->cursor, before).len, 0);
}

static uint32_t simple(struct gpu_bed *g, const void *request, uint32_t len)
{
    struct virtio_gpu_ctrl_hdr answer = {0};
    EXPECT(gpu_send(g, request, len, &answer, sizeof answer), sizeof answer);
    return answer.type;
}

uint32_t gpu_create(struct gpu_bed *g, uint32_t id, uint32_t format, uint32_t w, uint32_t h)
{
    struct virtio_gpu_resource_create_2d c = {
        {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D}, id, format, w, h};
    return simple(g, &c, sizeof c);
}

uint32_t gpu_unref(struct gpu_bed *g, uint32_t id)
{
    struct virtio_gpu_resource_unref c = {{.type = VIRTIO_GPU_CMD_RESOURCE_UNREF}, id, 0};
    return simple(g, &c, sizeof c);
}

uint32_t gpu_attach(struct gpu_bed *g, uint32_t id, uint32_t count, const gpa_t *at,
                    const uint32_t *len)
{
    struct {
        struct virtio_gpu_resource_attach_backing c;
        struct virtio_gpu_mem_entry e[64];
    } c = {{{.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING}, id, count}, {{0}}};
    cr_assert(count <= 64);
    for (uint32_t i = 0; i < count; i++)
        c.e[i] = (struct virtio_gpu_mem_entry){at[i], len[i], 0};
    return simple(g, &c, (uint32_t)(sizeof c.c + count * sizeof *c.e));
}

uint32_t gpu_detach(struct gpu_bed *g, uint32_t id)
{
    struct virtio_gpu_resource_detach_backing c = {
        {.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING}, id, 0};
    return simple(g, &c, sizeof c);
}

uint32_t gpu_scanout(struct gpu_bed *g, uint32_t scanout, uint32_t id, uint32_t x, uint32_t y,
                     uint32_t w, uint32_t h)
{
    struct virtio_gpu_set_scanout c = {
        {.type = VIRTIO_GPU_CMD_SET_SCANOUT}, {x, y, w, h}, scanout, id};
    return simple(g, &c, sizeof c);
}

uint32_t gpu_transfer(struct gpu_bed *g, uint32_t id, uint32_t x, uint32_t y, uint32_t w,
                      uint32_t h, uint64_t offset)
{
    struct virtio_gpu_transfer_to_host_2d c = {
        {.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D}, {x, y, w, h}, offset, id, 0};
    return simple(g, &c, sizeof c);
}

uint32_t gpu_flush(struct gpu_bed *g, uint32_t id, uint32_t x, uint32_t y, uint32_t w, uint32_t h)
{
    struct virtio_gpu_resource_flush c = {
        {.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH}, {x, y, w, h}, id, 0};
    return simple(g, &c, sizeof c);
}
