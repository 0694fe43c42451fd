// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-gpu on the modern virtio-mmio transport, polled: one request at a time.
#include "rom.h"

enum {
    SLOTS = 0x0a000000,
    SLOT_SIZE = 0x200,
    SLOT_COUNT = 32,
    QUEUE_SIZE = 4,
    ID_GPU = 16,
};

enum { // registers
    Version = 4,
    DeviceID = 8,
    DriverFeatures = 0x20,
    DriverFeaturesSel = 0x24,
    QueueSel = 0x30,
    QueueNum = 0x38,
    QueueReady = 0x44,
    QueueNotify = 0x50,
    Status = 0x70,
    QueueDesc = 0x80,
    QueueDriver = 0x90,
    QueueDevice = 0xa0,
};

enum { // commands
    CREATE = 0x101,
    UNREF = 0x102,
    SET_SCANOUT = 0x103,
    FLUSH = 0x104,
    TRANSFER = 0x105,
    ATTACH = 0x106,
    UPDATE_CURSOR = 0x300,
    MOVE_CURSOR = 0x301,
    OK = 0x1100,
};

static const struct format formats[] = {
    {"1", 1, 4, 16, 8, 8, 8, 0, 8, 24, 8},     {"2", 2, 4, 16, 8, 8, 8, 0, 8, 0, 0},
    {"3", 3, 4, 8, 8, 16, 8, 24, 8, 0, 8},     {"4", 4, 4, 8, 8, 16, 8, 24, 8, 0, 0},
    {"67", 67, 4, 0, 8, 8, 8, 16, 8, 24, 8},   {"68", 68, 4, 24, 8, 16, 8, 8, 8, 0, 0},
    {"121", 121, 4, 24, 8, 16, 8, 8, 8, 0, 8}, {"134", 134, 4, 0, 8, 8, 8, 16, 8, 0, 0},
};

struct queue {
    struct {
        u64 address;
        u32 length;
        u16 flags, next;
    } desc[QUEUE_SIZE];
    struct {
        u16 flags, index, ring[QUEUE_SIZE], event;
    } avail;
    struct {
        u16 flags, index;
        struct {
            u32 id, length;
        } ring[QUEUE_SIZE];
        u16 event;
    } used __attribute__((aligned(8)));
} __attribute__((aligned(64)));

static struct queue queues[2];
static u32 request[32], answer[64];
static u64 gpu;

static void start_queue(u32 n)
{
    const u64 parts[] = {(u64)queues[n].desc, (u64)&queues[n].avail, (u64)&queues[n].used};
    write32(gpu + QueueSel, n);
    write32(gpu + QueueNum, QUEUE_SIZE);
    for (u32 i = 0; i < 3; i++) {
        write32(gpu + QueueDesc + 0x10 * i, (u32)parts[i]);
        write32(gpu + QueueDesc + 0x10 * i + 4, (u32)(parts[i] >> 32));
    }
    write32(gpu + QueueReady, 1);
}

static bool start(void)
{
    for (u32 i = 0; i < SLOT_COUNT && !gpu; i++)
        if (read32(SLOTS + i * SLOT_SIZE + DeviceID) == ID_GPU)
            gpu = SLOTS + i * SLOT_SIZE;
    if (!gpu || read32(gpu + Version) != 2)
        return false;
    write32(gpu + Status, 0);
    write32(gpu + Status, 3);
    write32(gpu + DriverFeaturesSel, 0);
    write32(gpu + DriverFeatures, 0);
    write32(gpu + DriverFeaturesSel, 1);
    write32(gpu + DriverFeatures, 1); // VERSION_1
    write32(gpu + Status, 11);
    start_queue(0);
    start_queue(1);
    write32(gpu + Status, 15);
    return true;
}

static void send(u32 n, u32 words)
{
    struct queue *q = &queues[n];
    u16 index = q->avail.index;
    q->desc[0].address = (u64)request;
    q->desc[0].length = 4 * words;
    q->desc[0].flags = n ? 0 : 1; // the control queue answers
    q->desc[0].next = 1;
    q->desc[1].address = (u64)answer;
    q->desc[1].length = sizeof answer;
    q->desc[1].flags = 2;
    q->avail.ring[index % QUEUE_SIZE] = 0;
    barrier();
    q->avail.index = (u16)(index + 1);
    barrier();
    write32(gpu + QueueNotify, n);
    while (*(volatile u16 *)&q->used.index != (u16)(index + 1))
        ;
    if (!n && answer[0] != OK)
        say("refused\n");
}

// A request: six words of header, then these.
static void command(u32 type, const u32 *words, u32 count)
{
    for (u32 i = 0; i < 6; i++)
        request[i] = 0;
    request[0] = type;
    for (u32 i = 0; i < count; i++)
        request[6 + i] = words[i];
    send(type >= UPDATE_CURSOR, 6 + count);
}

#define COMMAND(type, ...)                                                                         \
    command(type, (const u32[]){__VA_ARGS__}, COUNT(((const u32[]){__VA_ARGS__})))

// A resource of w x h, its backing in two pieces.
static void create(u32 id, const struct format *f, u32 w, u32 h, u8 *backing)
{
    u64 at = (u64)backing, rest = at + 4100;
    COMMAND(CREATE, id, f->code, w, h);
    COMMAND(ATTACH, id, 2, (u32)at, (u32)(at >> 32), 4100, 0, (u32)rest, (u32)(rest >> 32),
            4 * w * h - 4100, 0);
}

static void picture(const struct format *f, u32 w, u32 h)
{
    draw(pixels, f, w, h, 4 * w);
    create(1, f, w, h, pixels);
    COMMAND(SET_SCANOUT, 0, 0, w, h, 0, 1);
    COMMAND(TRANSFER, 0, 0, w, h, 0, 0, 1, 0);
    COMMAND(FLUSH, 0, 0, w, h, 1, 0);
    show("virtio-gpu", f, w, h);
    COMMAND(UNREF, 1, 0);
}

// The middle of a larger resource, transferred a part at a time.
static void part(const struct format *f, u32 w, u32 h)
{
    const u32 left = 10, top = 5, big_w = w + 30, big_h = h + 20;
    u8 *first = pixels + 4 * (top * big_w + left);
    draw(first, f, w, h, 4 * big_w);
    create(1, f, big_w, big_h, pixels);
    COMMAND(SET_SCANOUT, left, top, w, h, 0, 1);
    for (u32 x = 0; x < w; x += 16)
        for (u32 y = 0; y < h; y += 16) {
            u32 pw = w - x < 16 ? w - x : 16, ph = h - y < 16 ? h - y : 16;
            u32 offset = 4 * ((top + y) * big_w + left + x);
            COMMAND(TRANSFER, left + x, top + y, pw, ph, offset, 0, 1, 0);
            COMMAND(FLUSH, left + x, top + y, pw, ph, 1, 0);
        }
    show("virtio-gpu-part", f, w, h);
}

// A chequered pointer over it: opaque green where x + y is odd, nothing elsewhere.
static void pointer(const struct format *f, u32 w, u32 h)
{
    u8 *image = pixels + (4 << 20);
    for (u32 i = 0; i < 64 * 64; i++)
        ((u32 *)(void *)image)[i] = (i / 64 + i % 64) & 1 ? 0xff00ff00 : 0;
    create(2, &formats[0], 64, 64, image);
    COMMAND(TRANSFER, 0, 0, 64, 64, 0, 0, 2, 0);
    COMMAND(UPDATE_CURSOR, 0, 50, 40, 0, 2, 1, 1, 0);
    COMMAND(MOVE_CURSOR, 0, 30, 20, 0, 0, 0, 0, 0);
    show("virtio-gpu-pointer", f, w, h);
    COMMAND(UPDATE_CURSOR, 0, 30, 20, 0, 0, 0, 0, 0);
    COMMAND(SET_SCANOUT, 0, 0, 0, 0, 0, 0);
}

void gpu_pictures(void)
{
    if (!start()) {
        say("no virtio-gpu\n");
        return;
    }
    for (u32 i = 0; i < COUNT(formats); i++)
        picture(&formats[i], 61, 37);
    picture(&formats[1], 320, 200);
    part(&formats[1], 90, 70);
    pointer(&formats[1], 90, 70);
}

bool gpu_open(u32 w, u32 h)
{
    if (gpu)
        COMMAND(UNREF, 1, 0); // of the last time
    else if (!start())
        return false;
    create(1, &formats[1], w, h, pixels);
    COMMAND(SET_SCANOUT, 0, 0, w, h, 0, 1);
    return true;
}

void gpu_redrawn(u32 w, u32 h)
{
    COMMAND(TRANSFER, 0, 0, w, h, 0, 0, 1, 0);
    COMMAND(FLUSH, 0, 0, w, h, 1, 0);
}
