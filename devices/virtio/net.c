// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-net, virtio 1.1 5.1: one pair of queues and the control queue.
//
// Packets are costly for a guest that is emulated, so the work is left to the host wherever the
// driver lets it: checksums both ways, large segments both ways (the back end takes and gives
// them whole), merged receive buffers.
//
// The receive filter is wide open until the driver narrows it, as 5.1.6.5.1 has it.
#include "devices/virtio/net.h"
#include "devices/net/offload.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define QUEUE_SIZE    256
#define TABLE_SIZE    32
#define MAC_SIZE      6

enum { RX, TX, CTRL, QUEUES };

enum { // feature bits
    F_CSUM = 0,
    F_GUEST_CSUM = 1,
    F_CTRL_GUEST_OFFLOADS = 2,
    F_MAC = 5,
    F_GUEST_TSO4 = 7,
    F_GUEST_TSO6 = 8,
    F_HOST_TSO4 = 11,
    F_HOST_TSO6 = 12,
    F_MRG_RXBUF = 15,
    F_STATUS = 16,
    F_CTRL_VQ = 17,
    F_CTRL_RX = 18,
    F_CTRL_RX_EXTRA = 20,
    F_CTRL_MAC_ADDR = 23,
};

#define GUEST_OFFLOADS (BIT(F_GUEST_CSUM) | BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6))

enum { HDR_NEEDS_CSUM = 1, HDR_DATA_VALID = 2 };
enum { GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4, GSO_ECN = 0x80 };
enum { LINK_UP = 1 };

struct header {
    uint8_t flags, gso_type;
    uint16_t hdr_len, gso_size, csum_start, csum_offset;
    uint16_t num_buffers; // with MRG_RXBUF or VERSION_1
};

struct config {
    uint8_t mac[MAC_SIZE];
    uint16_t status;
};

_Static_assert(sizeof(struct header) == 12 && sizeof(struct config) == 8, "virtio 1.1 5.1.4");

enum { CTRL_RX = 0, CTRL_MAC = 1, CTRL_GUEST_OFFLOADS = 5 }; // classes
enum { CTRL_MAC_TABLE_SET = 0, CTRL_MAC_ADDR_SET = 1, CTRL_GUEST_OFFLOADS_SET = 0 };
enum { CTRL_OK = 0, CTRL_ERR = 1 };

enum { PROMISC, ALLMULTI, ALLUNI, NOMULTI, NOUNI, NOBCAST, RX_MODES }; // commands of CTRL_RX

struct table {
    uint32_t count;
    uint32_t overflow; // there were more: all pass
    uint8_t mac[TABLE_SIZE][MAC_SIZE];
};

struct net_state {
    uint8_t mac[MAC_SIZE];
    uint8_t mode[RX_MODES];
    uint8_t reserved[4];
    uint64_t offloads_off; // features of GUEST_OFFLOADS that the driver has switched off
    struct table uni, multi;
};

struct virtio_net {
    struct virtio v;
    struct net_state s;
    uint8_t mac[MAC_SIZE]; // as configured
    struct net *net;
    struct virtq_chain chain, more;
    struct {
        uint16_t head;
        uint32_t len;
    } taken[VIRTQ_MAX_SIZE]; // receive buffers of one frame
};

static struct virtio_net *of(struct virtio *v)
{
    return container_of(v, struct virtio_net, v);
}

static unsigned header_size(const struct virtio *v)
{
    return virtio_has(v, F_MRG_RXBUF) || virtio_has(v, VIRTIO_F_VERSION_1) ? 12 : 10;
}

static bool guest_takes(const struct virtio_net *n, unsigned feature)
{
    return virtio_has(&n->v, feature) && !(n->s.offloads_off >> feature & 1);
}

// To the guest ----------------------------------------------------------------------------------

static bool in_table(const struct table *t, const uint8_t *mac)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (!memcmp(t->mac[i], mac, MAC_SIZE))
            return true;
    return t->overflow;
}

static bool filter(const struct virtio_net *n, const uint8_t *mac)
{
    static const uint8_t broadcast[MAC_SIZE] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    const uint8_t *mode = n->s.mode;
    if (mode[PROMISC])
        return true;
    if (!memcmp(mac, broadcast, MAC_SIZE))
        return !mode[NOBCAST];
    if (mac[0] & 1)
        return !mode[NOMULTI] && (mode[ALLMULTI] || in_table(&n->s.multi, mac));
    return !mode[NOUNI] &&
           (mode[ALLUNI] || !memcmp(mac, n->s.mac, MAC_SIZE) || in_table(&n->s.uni, mac));
}

// What the guest is told of the frame; false: it cannot take it.
static bool describe(const struct virtio_net *n, struct net_frame *f, struct header *h)
{
    const struct net_offload *o = &f->off;
    *h = (struct header){.num_buffers = 1};
    if (o->gso) {
        bool v6 = o->gso == NET_GSO_TCP6;
        if (!guest_takes(n, v6 ? F_GUEST_TSO6 : F_GUEST_TSO4))
            return false;
        h->gso_type = v6 ? GSO_TCPV6 : GSO_TCPV4;
        h->gso_size = o->segment;
        h->hdr_len = o->header;
    }
    if (!guest_takes(n, F_GUEST_CSUM))
        return !o->csum || offload_finish(f);
    if (o->csum) {
        h->flags = HDR_NEEDS_CSUM;
        h->csum_start = o->csum_start;
        h->csum_offset = o->csum_offset;
    } else if (o->csum_good) {
        h->flags = HDR_DATA_VALID;
    }
    return true;
}

enum outcome { DONE, WAIT };

// Puts the chains taken for a frame back; it stays at the head of the queue, or not.
static enum outcome give_up(struct virtio_net *n, unsigned count, enum outcome outcome)
{
    virtio_unpop(&n->v, RX, count);
    return outcome;
}

// Writes one frame into as many buffers as it takes. The driver sees all of them at once.
static enum outcome fill(struct virtio_net *n, struct net_frame *f)
{
    struct virtq *q = &n->v.queue[RX];
    unsigned size = header_size(&n->v), count = 0;
    struct header h;
    if (!filter(n, f->data) || !describe(n, f, &h))
        return DONE;
    for (uint32_t at = 0; at < f->len; count++) {
        struct virtq_chain *c = count ? &n->more : &n->chain;
        uint32_t skip = count ? 0 : size;
        if (count == n->v.s.queue[RX].size)
            return give_up(n, count, DONE); // it never fits
        if (!virtio_pop(&n->v, RX, c))
            return give_up(n, count, WAIT);
        if (c->in_len <= skip) {
            virtio_broken(&n->v, "receive buffer without room");
            return WAIT;
        }
        uint64_t room = c->in_len - skip;
        uint32_t part = room < f->len - at ? (uint32_t)room : f->len - at;
        if (part < f->len - at && !virtio_has(&n->v, F_MRG_RXBUF))
            return give_up(n, count + 1, DONE);
        virtq_write(q, c, skip, f->data + at, part);
        n->taken[count].head = c->head;
        n->taken[count].len = skip + part;
        at += part;
    }
    h.num_buffers = (uint16_t)count;
    virtq_write(q, &n->chain, 0, &h, size);
    for (unsigned i = 0; i < count; i++)
        virtq_fill(q, n->taken[i].head, n->taken[i].len, i);
    virtq_flush(q, count);
    return DONE;
}

static void receive(struct virtio_net *n)
{
    struct net_frame *f;
    bool any = false;
    net_accept(n->net, (guest_takes(n, F_GUEST_TSO4) ? 1u << NET_GSO_TCP4 : 0) |
                           (guest_takes(n, F_GUEST_TSO6) ? 1u << NET_GSO_TCP6 : 0));
    while ((f = net_head(n->net)) && fill(n, f) == DONE) {
        net_drop(n->net);
        any = true;
    }
    if (any)
        virtio_signal(&n->v, RX);
}

// Of the back end: frames have come.
static void front_receive(void *opaque)
{
    struct virtio_net *n = opaque;
    if (n->v.s.queue[RX].ready)
        virtio_notify(&n->v, RX);
    else
        net_forget(n->net); // nobody listens
}

// To the host -----------------------------------------------------------------------------------

static bool take_offload(const struct virtio_net *n, const struct header *h, struct net_frame *f)
{
    struct net_offload *o = &f->off;
    if (h->flags & HDR_NEEDS_CSUM) {
        o->csum = true;
        o->csum_start = h->csum_start;
        o->csum_offset = h->csum_offset;
        if (!virtio_has(&n->v, F_CSUM) || (uint32_t)h->csum_start + h->csum_offset + 2 > f->len)
            return false;
    }
    unsigned type = h->gso_type & ~(unsigned)GSO_ECN;
    if (type == GSO_NONE)
        return true;
    bool v6 = type == GSO_TCPV6;
    o->gso = v6 ? NET_GSO_TCP6 : NET_GSO_TCP4;
    o->segment = h->gso_size;
    o->header = h->hdr_len;
    return (v6 || type == GSO_TCPV4) && o->csum && o->segment &&
           virtio_has(&n->v, v6 ? F_HOST_TSO6 : F_HOST_TSO4);
}

static void send(struct virtio_net *n, const struct virtq_chain *c)
{
    struct header h = {0};
    unsigned size = header_size(&n->v);
    if (c->out_len < size + NET_MIN_FRAME || c->out_len > size + NET_MAX_FRAME) {
        log_printf(n->v.log, LOG_GUEST_ERROR, "virtio-net: packet of %llu bytes\n",
                   (unsigned long long)c->out_len);
        return;
    }
    virtq_read(c, 0, &h, size);
    struct net_frame *f = net_frame_new(c->out_len - size);
    f->len = f->capacity;
    virtq_read(c, size, f->data, f->len);
    if (take_offload(n, &h, f)) {
        net_send(n->net, f);
    } else {
        log_printf(n->v.log, LOG_GUEST_ERROR, "virtio-net: bad packet header\n");
        free(f);
    }
}

static void transmit(struct virtio_net *n)
{
    bool any = false;
    while (net_room(n->net)) {
        if (!virtio_pop(&n->v, TX, &n->chain)) {
            if (any)
                virtio_signal(&n->v, TX);
            net_kick(n->net);
            return;
        }
        send(n, &n->chain);
        virtio_push(&n->v, TX, &n->chain, 0);
        any = true;
    }
    virtio_stall(&n->v, TX);
    if (any)
        virtio_signal(&n->v, TX);
    net_kick(n->net);
}

static void front_writable(void *opaque)
{
    struct virtio_net *n = opaque;
    virtio_notify(&n->v, TX);
}

// The control queue -----------------------------------------------------------------------------

// One of the two tables of MAC_TABLE_SET at *at; advances it. False: it is not all there.
static bool read_table(const struct virtq_chain *c, uint64_t *at, struct table *t)
{
    uint32_t entries;
    *t = (struct table){0};
    if (virtq_read(c, *at, &entries, sizeof entries) != sizeof entries)
        return false;
    *at += sizeof entries;
    if (entries > (c->out_len - *at) / MAC_SIZE)
        return false;
    if (entries > TABLE_SIZE)
        t->overflow = 1;
    else
        t->count = entries;
    virtq_read(c, *at, t->mac, t->count * MAC_SIZE);
    *at += (uint64_t)entries * MAC_SIZE;
    return true;
}

static bool set_tables(struct virtio_net *n, const struct virtq_chain *c)
{
    struct table uni, multi;
    uint64_t at = 2;
    if (!read_table(c, &at, &uni) || !read_table(c, &at, &multi))
        return false;
    n->s.uni = uni;
    n->s.multi = multi;
    return true;
}

static bool set_offloads(struct virtio_net *n, const struct virtq_chain *c)
{
    uint64_t on;
    if (virtq_read(c, 2, &on, sizeof on) != sizeof on ||
        (on & ~(n->v.s.driver_features & GUEST_OFFLOADS)))
        return false;
    n->s.offloads_off = n->v.s.driver_features & GUEST_OFFLOADS & ~on;
    return true;
}

static bool command(struct virtio_net *n, const struct virtq_chain *c)
{
    uint8_t what[2], on;
    if (virtq_read(c, 0, what, sizeof what) != sizeof what)
        return false;
    const struct virtio *v = &n->v;
    if (what[0] == CTRL_RX && what[1] < RX_MODES) {
        if (!virtio_has(v, what[1] <= ALLMULTI ? F_CTRL_RX : F_CTRL_RX_EXTRA) ||
            virtq_read(c, 2, &on, 1) != 1)
            return false;
        n->s.mode[what[1]] = on != 0;
        return true;
    }
    if (what[0] == CTRL_MAC && what[1] == CTRL_MAC_TABLE_SET)
        return virtio_has(v, F_CTRL_RX) && set_tables(n, c);
    if (what[0] == CTRL_MAC && what[1] == CTRL_MAC_ADDR_SET)
        return virtio_has(v, F_CTRL_MAC_ADDR) && c->out_len == 2 + MAC_SIZE &&
               virtq_read(c, 2, n->s.mac, MAC_SIZE) == MAC_SIZE;
    if (what[0] == CTRL_GUEST_OFFLOADS && what[1] == CTRL_GUEST_OFFLOADS_SET)
        return virtio_has(v, F_CTRL_GUEST_OFFLOADS) && set_offloads(n, c);
    return false;
}

static void control(struct virtio_net *n)
{
    bool any = false;
    while (virtio_pop(&n->v, CTRL, &n->chain)) {
        if (!n->chain.in_len) {
            virtio_broken(&n->v, "control command without room for its status");
            return;
        }
        uint8_t ack = virtio_has(&n->v, F_CTRL_VQ) && command(n, &n->chain) ? CTRL_OK : CTRL_ERR;
        virtq_write(&n->v.queue[CTRL], &n->chain, 0, &ack, 1);
        virtio_push(&n->v, CTRL, &n->chain, 1);
        any = true;
    }
    if (any)
        virtio_signal(&n->v, CTRL);
}

// The device ------------------------------------------------------------------------------------

static void net_notify(struct virtio *v, unsigned queue)
{
    static void (*const handlers[QUEUES])(struct virtio_net * n) = {receive, transmit, control};
    handlers[queue](of(v));
}

static uint64_t net_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    struct config c = {.status = LINK_UP};
    uint64_t value = 0;
    memcpy(c.mac, of(v)->s.mac, MAC_SIZE);
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

// A driver without the control queue's command may write the address here (5.1.4.3).
static void net_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    if (offset + size <= MAC_SIZE && !virtio_has(v, VIRTIO_F_VERSION_1))
        memcpy(of(v)->s.mac + offset, &value, size);
}

static void net_reset(struct virtio *v)
{
    struct virtio_net *n = of(v);
    n->s = (struct net_state){.mode[PROMISC] = 1};
    memcpy(n->s.mac, n->mac, MAC_SIZE);
    net_accept(n->net, 0);
    net_forget(n->net);
}

static void net_save(struct virtio *v, struct state_writer *w)
{
    state_put(w, "virtio-net.card", STATE_VERSION, &of(v)->s, sizeof of(v)->s);
}

static bool net_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    struct virtio_net *n = of(v);
    struct net_state s;
    if (!state_get(r, "virtio-net.card", STATE_VERSION, &s, sizeof s, err))
        return false;
    bool bad = s.uni.count > TABLE_SIZE || s.multi.count > TABLE_SIZE || s.uni.overflow > 1 ||
               s.multi.overflow > 1 || (s.offloads_off & ~GUEST_OFFLOADS);
    for (unsigned i = 0; i < RX_MODES; i++)
        bad |= s.mode[i] > 1;
    if (bad)
        return error_set(err, "saved state: section \"virtio-net.card\" is damaged");
    n->s = s;
    net_forget(n->net); // they were another time's
    return true;
}

static void net_card_destroy(struct virtio *v)
{
    free(of(v));
}

struct virtio *virtio_net_create(const struct virtio_net_config *config)
{
    static const struct virtio_ops ops = {
        .id = 1,
        .queues = QUEUES,
        .queue_max = QUEUE_SIZE,
        .features = BIT(F_CSUM) | BIT(F_GUEST_CSUM) | BIT(F_CTRL_GUEST_OFFLOADS) | BIT(F_MAC) |
                    BIT(F_MRG_RXBUF) | BIT(F_STATUS) | BIT(F_CTRL_VQ) | BIT(F_CTRL_RX) |
                    BIT(F_CTRL_RX_EXTRA) | BIT(F_CTRL_MAC_ADDR),
        .config_size = sizeof(struct config),
        .config_read = net_config_read,
        .config_write = net_config_write,
        .notify = net_notify,
        .reset = net_reset,
        .save = net_save,
        .load = net_load,
        .destroy = net_card_destroy,
    };
    static const struct net_front front = {front_receive, front_writable};
    struct virtio_net *n = calloc(1, sizeof *n);
    assert(n);
    virtio_init(&n->v, &ops, "virtio-net");
    n->net = config->net;
    memcpy(n->mac, config->mac, MAC_SIZE);
    if (n->net && n->net->ops->tso)
        n->v.features |=
            BIT(F_HOST_TSO4) | BIT(F_HOST_TSO6) | BIT(F_GUEST_TSO4) | BIT(F_GUEST_TSO6);
    net_attach(n->net, &front, n);
    return &n->v;
}
