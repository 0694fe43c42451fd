// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-mmio, virtio 1.1 4.2: version 2, and version 1 for legacy drivers (4.2.4), also those
// that set up a queue and kick without ever writing the status or the features. Registers below
// 0x100 are 32 bits wide; other sizes there read as zero and do nothing. The interrupt line is
// the interrupt status register not being zero.
#include "devices/virtio/mmio.h"
#include "devices/fdt_node.h"

#include <assert.h>
#include <stdlib.h>

#define STATE_VERSION 1
#define CONFIG        0x100
#define MAGIC         0x74726976 // "virt"
#define VENDOR        0x554d4551

enum { // offsets
    MagicValue = 0x000,
    Version = 0x004,
    DeviceID = 0x008,
    VendorID = 0x00c,
    DeviceFeatures = 0x010,
    DeviceFeaturesSel = 0x014,
    DriverFeatures = 0x020,
    DriverFeaturesSel = 0x024,
    GuestPageSize = 0x028, // legacy
    QueueSel = 0x030,
    QueueNumMax = 0x034,
    QueueNum = 0x038,
    QueueAlign = 0x03c, // legacy
    QueuePFN = 0x040,   // legacy
    QueueReady = 0x044,
    QueueNotify = 0x050,
    InterruptStatus = 0x060,
    InterruptACK = 0x064,
    Status = 0x070,
    QueueDescLow = 0x080,
    QueueDescHigh = 0x084,
    QueueDriverLow = 0x090,
    QueueDriverHigh = 0x094,
    QueueDeviceLow = 0x0a0,
    QueueDeviceHigh = 0x0a4,
    SHMSel = 0x0ac,
    SHMLenLow = 0x0b0,
    SHMLenHigh = 0x0b4,
    SHMBaseLow = 0x0b8,
    SHMBaseHigh = 0x0bc,
    ConfigGeneration = 0x0fc,
};

struct virtio_mmio_state {
    uint32_t device_features_sel, driver_features_sel;
    uint32_t guest_page_size, queue_sel;
    uint32_t id, legacy; // what sits in the slot: compared when the state is loaded
};

struct virtio_mmio {
    struct device dev;
    struct virtio_mmio_state s;
    struct virtio *v; // NULL: an empty slot
    struct irq_line irq;
    bool legacy;
    const struct log *log;
};

static void guest_error(struct virtio_mmio *m, const char *what, uint64_t value)
{
    log_printf(m->log, LOG_GUEST_ERROR, "%s: %s 0x%llx\n", m->dev.name, what,
               (unsigned long long)value);
}

static void update_irq(void *opaque)
{
    struct virtio_mmio *m = opaque;
    irq_set(&m->irq, m->v->s.isr != 0);
}

// The selected queue, or NULL when the device has none of that number.
static struct virtq_state *queue(struct virtio_mmio *m)
{
    return m->s.queue_sel < m->v->ops->queues ? &m->v->s.queue[m->s.queue_sel] : NULL;
}

static uint32_t half(uint64_t value, uint32_t sel)
{
    return sel < 2 ? (uint32_t)(value >> 32 * sel) : 0;
}

static uint32_t read_common(struct virtio_mmio *m, uint64_t offset)
{
    const struct virtq_state *q = queue(m);
    switch (offset) {
    case DeviceFeatures:
        return half(virtio_offered(m->v), m->s.device_features_sel);
    case QueueNumMax:
        return q ? m->v->ops->queue_max : 0;
    case InterruptStatus:
        return m->v->s.isr;
    case Status:
        return m->v->s.status;
    default:
        return 0;
    }
}

static uint32_t read_modern(struct virtio_mmio *m, uint64_t offset)
{
    const struct virtq_state *q = queue(m);
    switch (offset) {
    case QueueReady:
        return q ? q->ready : 0;
    case ConfigGeneration:
        return m->v->s.generation;
    case SHMLenLow: // there is no such region
    case SHMLenHigh:
    case SHMBaseLow:
    case SHMBaseHigh:
        return UINT32_MAX;
    default:
        return read_common(m, offset);
    }
}

static uint32_t read_legacy(struct virtio_mmio *m, uint64_t offset)
{
    const struct virtq_state *q = queue(m);
    if (offset == QueuePFN)
        return q ? q->pfn : 0;
    return read_common(m, offset);
}

static uint64_t mmio_read(void *opaque, uint64_t offset, unsigned size)
{
    struct virtio_mmio *m = opaque;
    if (offset >= CONFIG) {
        offset -= CONFIG;
        if (!m->v || !m->v->ops->config_read || offset + size > m->v->ops->config_size)
            return 0;
        return m->v->ops->config_read(m->v, (unsigned)offset, size);
    }
    if (size != 4)
        return 0;
    switch (offset) {
    case MagicValue:
        return MAGIC;
    case Version:
        return m->legacy ? 1 : 2;
    case DeviceID:
        return m->v ? m->v->ops->id : 0;
    case VendorID:
        return VENDOR;
    default:
        if (!m->v)
            return 0;
        return m->legacy ? read_legacy(m, offset) : read_modern(m, offset);
    }
}

// Features are fixed once the device has said FEATURES_OK; a legacy device takes what it knows.
static void write_features(struct virtio_mmio *m, uint32_t value)
{
    struct virtio_state *s = &m->v->s;
    uint32_t sel = m->s.driver_features_sel;
    if (m->legacy) {
        if (sel == 0)
            s->driver_features = value & virtio_offered(m->v);
        return;
    }
    if (sel > 1 || (s->status & VIRTIO_S_FEATURES_OK)) {
        guest_error(m, "features written at the wrong time, selector", sel);
        return;
    }
    s->driver_features = deposit64(s->driver_features, 32 * sel, 32, value);
}

static void write_status(struct virtio_mmio *m, uint32_t value)
{
    struct virtio_state *s = &m->v->s;
    value &= 0xff & ~(uint32_t)VIRTIO_S_NEEDS_RESET;
    if (!value) {
        virtio_reset(m->v);
        return;
    }
    if (!m->legacy && (value & ~s->status & VIRTIO_S_FEATURES_OK)) {
        uint64_t wanted = s->driver_features, offered = virtio_offered(m->v);
        if ((wanted & ~offered) || !virtio_has(m->v, VIRTIO_F_VERSION_1)) {
            guest_error(m, "unacceptable features", wanted);
            s->driver_features &= offered;
            value &= ~(uint32_t)VIRTIO_S_FEATURES_OK;
        }
    }
    s->status = value | (s->status & VIRTIO_S_NEEDS_RESET);
}

static void write_queue_num(struct virtio_mmio *m, uint32_t value)
{
    struct virtq_state *q = queue(m);
    if (!q || q->ready || !value || value > m->v->ops->queue_max || (value & (value - 1)))
        guest_error(m, "bad QueueNum", value);
    else
        q->size = (uint16_t)value;
}

static void start_queue(struct virtq_state *q, bool on)
{
    q->ready = on;
    q->last_avail = q->used_index = q->signalled = 0;
    q->signalled_valid = 0;
}

static void write_queue_ready(struct virtio_mmio *m, uint32_t value)
{
    struct virtq_state *q = queue(m);
    if (q && q->ready != (value & 1))
        start_queue(q, value & 1);
}

// virtio 1.1 2.6.2: descriptors, available ring and, at the next multiple of the alignment, the
// used ring.
static void write_queue_pfn(struct virtio_mmio *m, uint32_t value)
{
    struct virtq_state *q = queue(m);
    if (!q)
        return;
    start_queue(q, false);
    q->pfn = value;
    if (!value)
        return;
    if (!m->s.guest_page_size || !q->align || (q->align & (q->align - 1))) {
        guest_error(m, "QueuePFN without page size or alignment", value);
        return;
    }
    q->desc = (uint64_t)value * m->s.guest_page_size;
    q->avail = q->desc + 16 * (uint64_t)q->size;
    q->used = ALIGN_UP(q->avail + 2 * (3 + (uint64_t)q->size), (uint64_t)q->align);
    start_queue(q, true);
}

static void write_address(uint64_t *address, bool high, uint32_t value)
{
    *address = deposit64(*address, high ? 32 : 0, 32, value);
}

static bool write_legacy(struct virtio_mmio *m, uint64_t offset, uint32_t value)
{
    struct virtq_state *q = queue(m);
    switch (offset) {
    case GuestPageSize:
        m->s.guest_page_size = value;
        return true;
    case QueueAlign:
        if (q)
            q->align = value;
        return true;
    case QueuePFN:
        write_queue_pfn(m, value);
        return true;
    default:
        return false;
    }
}

static bool write_modern(struct virtio_mmio *m, uint64_t offset, uint32_t value)
{
    struct virtq_state *q = queue(m);
    struct virtq_state nobody = {0};
    if (!q || q->ready) // the addresses of a live queue stay
        q = &nobody;
    switch (offset) {
    case QueueReady:
        write_queue_ready(m, value);
        return true;
    case QueueDescLow:
    case QueueDescHigh:
        write_address(&q->desc, offset == QueueDescHigh, value);
        return true;
    case QueueDriverLow:
    case QueueDriverHigh:
        write_address(&q->avail, offset == QueueDriverHigh, value);
        return true;
    case QueueDeviceLow:
    case QueueDeviceHigh:
        write_address(&q->used, offset == QueueDeviceHigh, value);
        return true;
    case SHMSel: // whichever it is: there is no such region
        return true;
    default:
        return false;
    }
}

static void write_common(struct virtio_mmio *m, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case DeviceFeaturesSel:
        m->s.device_features_sel = value;
        break;
    case DriverFeatures:
        write_features(m, value);
        break;
    case DriverFeaturesSel:
        m->s.driver_features_sel = value;
        break;
    case QueueSel:
        m->s.queue_sel = value;
        break;
    case QueueNum:
        write_queue_num(m, value);
        break;
    case QueueNotify:
        virtio_notify(m->v, value);
        break;
    case InterruptACK:
        m->v->s.isr &= ~value;
        update_irq(m);
        break;
    case Status:
        write_status(m, value);
        break;
    default:
        guest_error(m, "write to offset", offset);
        break;
    }
}

static void mmio_write(void *opaque, uint64_t offset, unsigned size, uint64_t value)
{
    struct virtio_mmio *m = opaque;
    if (!m->v)
        return;
    if (offset >= CONFIG) {
        offset -= CONFIG;
        if (m->v->ops->config_write && offset + size <= m->v->ops->config_size)
            m->v->ops->config_write(m->v, (unsigned)offset, size, value);
    } else if (size == 4) {
        uint32_t v = (uint32_t)value;
        if (!(m->legacy ? write_legacy(m, offset, v) : write_modern(m, offset, v)))
            write_common(m, offset, v);
    }
}

static void mmio_reset(void *opaque)
{
    struct virtio_mmio *m = opaque;
    m->s = (struct virtio_mmio_state){.id = m->s.id, .legacy = m->s.legacy};
    if (m->v)
        virtio_reset(m->v);
}

static void mmio_save(void *opaque, struct state_writer *w)
{
    struct virtio_mmio *m = opaque;
    state_put(w, m->dev.name, STATE_VERSION, &m->s, sizeof m->s);
    if (m->v)
        virtio_save(m->v, w);
}

static bool mmio_load(void *opaque, struct state_reader *r, struct error *err)
{
    // The selectors are checked at every use, so that any value is a possible state.
    struct virtio_mmio *m = opaque;
    struct virtio_mmio_state s;
    if (!state_get(r, m->dev.name, STATE_VERSION, &s, sizeof s, err))
        return false;
    if (s.id != m->s.id || s.legacy != m->s.legacy)
        return error_set(err, "saved state: %s holds a%s device of type %u, the machine's is%s %u",
                         m->dev.name, s.legacy ? " legacy" : "", s.id, m->legacy ? " legacy" : "",
                         m->s.id);
    if (m->v && !virtio_load(m->v, r, err))
        return false;
    m->s = s;
    return true;
}

static int mmio_fdt_node(void *opaque, void *fdt, const struct fdt_place *place)
{
    int e = fdt_node_begin(fdt, "virtio_mmio", place, VIRTIO_MMIO_SIZE, "virtio,mmio", 12,
                           FDT_IRQ_EDGE);
    e = e ? e : fdt_property(fdt, "dma-coherent", NULL, 0);
    return e ? e : fdt_end_node(fdt);
}

static void mmio_destroy(void *opaque)
{
    struct virtio_mmio *m = opaque;
    virtio_destroy(m->v);
    free(m);
}

static void mmio_drain(void *opaque)
{
    struct virtio_mmio *m = opaque;
    if (m->v)
        virtio_drain(m->v);
}

struct device *virtio_mmio_create(const char *name, struct bus *bus, struct clock *clock,
                                  struct irq_line irq, bool legacy, struct virtio *v,
                                  const struct log *log)
{
    static const struct device_ops ops = {
        .read = mmio_read,
        .write = mmio_write,
        .access_min = 1,
        .access_max = 8,
        .reset = mmio_reset,
        .drain = mmio_drain,
        .save = mmio_save,
        .load = mmio_load,
        .fdt_node = mmio_fdt_node,
        .destroy = mmio_destroy,
    };
    struct virtio_mmio *m = calloc(1, sizeof *m);
    assert(m);
    legacy = legacy && !(v && v->ops->modern_only);
    device_init(&m->dev, &ops, m, VIRTIO_MMIO_SIZE, name);
    m->irq = irq;
    m->legacy = legacy;
    m->v = v;
    m->s.id = v ? v->ops->id : 0;
    m->s.legacy = legacy;
    m->log = log;
    if (v)
        virtio_attach(v, bus, clock, legacy, update_irq, m, log);
    return &m->dev;
}
