// SPDX-License-Identifier: GPL-3.0-or-later
// virtio-console, virtio 1.1 5.3, with MULTIPORT. A driver without it has port 0 alone.
//
// Input waits in a small buffer of the port's until the guest has given room. Output goes to the
// character device a share at a time: a chain may be larger than what the host takes, so how much
// of it is done is part of the state and the chain stays in the ring until all of it is.
//
// What is to be said on the control queue is a set of flags a port, not a list, so that a guest
// that never reads it costs nothing.
#include "devices/virtio/serial.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define STATE_VERSION 1
#define QUEUE_SIZE    128
#define IN_SIZE       1024
#define SHARE         4096 // of output, before the back end is asked again

enum { CTRL_IN = 2, CTRL_OUT = 3 }; // queues, as the guest sees them
enum { F_MULTIPORT = 1, F_EMERG_WRITE = 2 };

enum { // control events
    DEVICE_READY = 0,
    PORT_ADD = 1,
    PORT_READY = 3,
    CONSOLE_PORT = 4,
    PORT_OPEN = 6,
    PORT_NAME = 7,
};

struct control {
    uint32_t id;
    uint16_t event, value;
};

struct config {
    uint16_t cols, rows;
    uint32_t max_nr_ports, emerg_wr;
};

struct port_state {
    uint32_t pending; // 1 << event: to be sent
    uint32_t open;    // by the guest
    uint32_t done;    // bytes of the next chain of output that have gone out
    uint32_t in_len;
    uint8_t in[IN_SIZE];
};

struct serial_state {
    uint32_t ports; // compared when the state is loaded
    uint32_t reserved;
    struct port_state port[VIRTIO_SERIAL_PORTS];
};

struct virtio_serial;

struct port {
    struct virtio_serial *serial;
    struct virtio_serial_port config;
    unsigned nr;
    bool receiving; // the back end is handing over
};

struct virtio_serial {
    struct virtio v;
    struct virtio_ops ops; // the number of queues is this device's own
    struct serial_state s;
    struct port ports[VIRTIO_SERIAL_PORTS];
    struct virtq_chain chain;
};

static struct virtio_serial *of(struct virtio *v)
{
    return container_of(v, struct virtio_serial, v);
}

static unsigned in_queue(unsigned port)
{
    return port ? 2 + 2 * port : 0;
}

static struct port_state *state(const struct port *p)
{
    return &p->serial->s.port[p->nr];
}

// Input -----------------------------------------------------------------------------------------

static bool takes_input(const struct port *p)
{
    if (!(p->serial->v.s.status & VIRTIO_S_DRIVER_OK))
        return false; // what comes stays where it is until somebody listens
    if (p->config.console || !virtio_has(&p->serial->v, F_MULTIPORT))
        return true;
    return state(p)->open; // nobody would read it
}

static void to_guest(struct port *p)
{
    struct virtio_serial *s = p->serial;
    struct port_state *st = state(p);
    unsigned queue = in_queue(p->nr);
    bool any = false;
    while (st->in_len && virtio_pop(&s->v, queue, &s->chain)) {
        if (!s->chain.in_len) {
            virtio_broken(&s->v, "input buffer without room");
            return;
        }
        size_t n = virtq_write(&s->v.queue[queue], &s->chain, 0, st->in, st->in_len);
        virtio_push(&s->v, queue, &s->chain, (uint32_t)n);
        st->in_len -= (uint32_t)n;
        memmove(st->in, st->in + n, st->in_len);
        any = true;
    }
    if (any)
        virtio_signal(&s->v, queue);
}

static void notify_input(struct port *p)
{
    to_guest(p);
    if (!p->receiving && state(p)->in_len < IN_SIZE)
        chardev_can_accept(p->config.chardev);
}

static size_t front_room(void *opaque)
{
    struct port *p = opaque;
    return takes_input(p) ? IN_SIZE - state(p)->in_len : 0;
}

static void front_receive(void *opaque, const uint8_t *data, size_t len)
{
    struct port *p = opaque;
    struct port_state *st = state(p);
    if (len > IN_SIZE - st->in_len)
        len = IN_SIZE - st->in_len;
    memcpy(st->in + st->in_len, data, len);
    st->in_len += (uint32_t)len;
    p->receiving = true;
    virtio_notify(&p->serial->v, in_queue(p->nr));
    p->receiving = false;
}

// Output ----------------------------------------------------------------------------------------

// The next share of the chain. True: that was all of it.
static bool write_share(struct port *p, const struct virtq_chain *c)
{
    struct port_state *st = state(p);
    uint8_t bytes[SHARE];
    if (!p->config.chardev)
        return true;
    size_t n = st->done < c->out_len ? virtq_read(c, st->done, bytes, sizeof bytes) : 0;
    chardev_write(p->config.chardev, bytes, n);
    st->done += (uint32_t)n;
    return st->done >= c->out_len;
}

static void notify_output(struct port *p)
{
    struct virtio_serial *s = p->serial;
    unsigned queue = in_queue(p->nr) + 1;
    bool any = false;
    for (;;) {
        if (!chardev_writable(p->config.chardev)) {
            virtio_stall(&s->v, queue);
            break;
        }
        if (!virtio_pop(&s->v, queue, &s->chain))
            break;
        if (!write_share(p, &s->chain)) {
            virtio_unpop(&s->v, queue, 1);
            continue;
        }
        state(p)->done = 0;
        virtio_push(&s->v, queue, &s->chain, 0);
        any = true;
    }
    if (any)
        virtio_signal(&s->v, queue);
}

static void front_writable(void *opaque)
{
    struct port *p = opaque;
    virtio_notify(&p->serial->v, in_queue(p->nr) + 1);
}

// Control ---------------------------------------------------------------------------------------

// Sends one message. False: the guest has given no room for it yet.
static bool say(struct port *p, unsigned event)
{
    struct virtio_serial *s = p->serial;
    struct control c = {p->nr, (uint16_t)event, 1};
    const char *name = p->config.name;
    size_t len = event == PORT_NAME ? strlen(name) : 0;
    if (!virtio_pop(&s->v, CTRL_IN, &s->chain))
        return false;
    if (s->chain.in_len < sizeof c + len) {
        virtio_broken(&s->v, "control buffer too small");
        return false;
    }
    virtq_write(&s->v.queue[CTRL_IN], &s->chain, 0, &c, sizeof c);
    virtq_write(&s->v.queue[CTRL_IN], &s->chain, sizeof c, name, len);
    virtio_push(&s->v, CTRL_IN, &s->chain, (uint32_t)(sizeof c + len));
    return true;
}

static void notify_control_in(struct virtio_serial *s)
{
    static const uint8_t order[] = {PORT_ADD, CONSOLE_PORT, PORT_NAME, PORT_OPEN};
    bool any = false, room = true;
    for (unsigned n = 0; n < VIRTIO_SERIAL_PORTS; n++) {
        for (unsigned i = 0; i < sizeof order && room; i++) {
            if (!(s->s.port[n].pending >> order[i] & 1))
                continue;
            room = say(&s->ports[n], order[i]);
            if (room)
                s->s.port[n].pending &= ~(1u << order[i]);
            any |= room;
        }
    }
    if (any)
        virtio_signal(&s->v, CTRL_IN);
}

static void hear(struct virtio_serial *s, const struct control *c)
{
    if (c->event == DEVICE_READY) {
        for (unsigned n = 0; n < VIRTIO_SERIAL_PORTS && c->value == 1; n++)
            if (s->ports[n].config.present)
                s->s.port[n].pending |= 1u << PORT_ADD;
        return;
    }
    struct port *p = c->id < VIRTIO_SERIAL_PORTS ? &s->ports[c->id] : NULL;
    if (!p || !p->config.present) {
        log_printf(s->v.log, LOG_GUEST_ERROR, "virtio-serial: there is no port %u\n", c->id);
        return;
    }
    if (c->event == PORT_READY && c->value == 1) {
        state(p)->pending |= 1u << PORT_OPEN | (p->config.console ? 1u << CONSOLE_PORT : 0) |
                             (p->config.name ? 1u << PORT_NAME : 0);
    } else if (c->event == PORT_OPEN) {
        state(p)->open = c->value != 0;
        if (state(p)->open && !p->receiving)
            chardev_can_accept(p->config.chardev);
    }
}

static void notify_control_out(struct virtio_serial *s)
{
    bool any = false;
    while (virtio_pop(&s->v, CTRL_OUT, &s->chain)) {
        struct control c;
        bool whole = virtq_read(&s->chain, 0, &c, sizeof c) == sizeof c;
        virtio_push(&s->v, CTRL_OUT, &s->chain, 0);
        if (whole)
            hear(s, &c);
        any = true;
    }
    if (any)
        virtio_signal(&s->v, CTRL_OUT);
    notify_control_in(s);
}

// The device ------------------------------------------------------------------------------------

static void serial_notify(struct virtio *v, unsigned queue)
{
    struct virtio_serial *s = of(v);
    if (queue < 2 || queue > CTRL_OUT) {
        struct port *p = &s->ports[queue < 2 ? 0 : (queue - 2) / 2];
        if (queue & 1)
            notify_output(p);
        else
            notify_input(p);
    } else if (queue == CTRL_IN) {
        notify_control_in(s);
    } else {
        notify_control_out(s);
    }
}

static uint64_t serial_config_read(struct virtio *v, unsigned offset, unsigned size)
{
    struct config c = {.max_nr_ports = of(v)->s.ports};
    uint64_t value = 0;
    memcpy(&value, (const uint8_t *)&c + offset, size);
    return value;
}

static void serial_config_write(struct virtio *v, unsigned offset, unsigned size, uint64_t value)
{
    uint8_t byte = (uint8_t)value; // of a guest that has no queues yet
    if (offset == offsetof(struct config, emerg_wr) &&
        chardev_writable(of(v)->ports[0].config.chardev))
        chardev_write(of(v)->ports[0].config.chardev, &byte, 1);
}

static void serial_reset(struct virtio *v)
{
    of(v)->s = (struct serial_state){.ports = of(v)->s.ports};
}

static void serial_save(struct virtio *v, struct state_writer *w)
{
    state_put(w, "virtio-serial.ports", STATE_VERSION, &of(v)->s, sizeof of(v)->s);
}

static bool serial_load(struct virtio *v, struct state_reader *r, struct error *err)
{
    struct virtio_serial *s = of(v);
    struct serial_state new;
    if (!state_get(r, "virtio-serial.ports", STATE_VERSION, &new, sizeof new, err))
        return false;
    if (new.ports != s->s.ports)
        return error_set(err, "saved state: %u virtio-serial ports, the machine has %u", new.ports,
                         s->s.ports);
    for (unsigned n = 0; n < VIRTIO_SERIAL_PORTS; n++) {
        const struct port_state *p = &new.port[n];
        uint32_t may = 1u << PORT_ADD | 1u << PORT_OPEN | 1u << CONSOLE_PORT | 1u << PORT_NAME;
        if (!s->ports[n].config.present)
            may = 0;
        else if (!s->ports[n].config.name)
            may &= ~(1u << PORT_NAME);
        if (p->in_len > IN_SIZE || p->open > 1 || (p->pending & ~may))
            return error_set(err, "saved state: section \"virtio-serial.ports\" is damaged");
    }
    s->s = new;
    return true;
}

static void serial_destroy(struct virtio *v)
{
    free(of(v));
}

static const struct virtio_ops serial_ops = {
    .id = 3,
    .queue_max = QUEUE_SIZE,
    .features = BIT(F_MULTIPORT) | BIT(F_EMERG_WRITE),
    .config_size = sizeof(struct config),
    .config_read = serial_config_read,
    .config_write = serial_config_write,
    .notify = serial_notify,
    .reset = serial_reset,
    .save = serial_save,
    .load = serial_load,
    .destroy = serial_destroy,
};

struct virtio *virtio_serial_create(const struct virtio_serial_port ports[VIRTIO_SERIAL_PORTS])
{
    static const struct chardev_front front = {
        .room = front_room, .receive = front_receive, .writable = front_writable};
    struct virtio_serial *s = calloc(1, sizeof *s);
    assert(s);
    s->s.ports = 1;
    for (unsigned n = 0; n < VIRTIO_SERIAL_PORTS; n++) {
        s->ports[n] = (struct port){.serial = s, .config = ports[n], .nr = n};
        if (ports[n].present)
            s->s.ports = n + 1;
        assert(!ports[n].name || strlen(ports[n].name) <= VIRTIO_SERIAL_NAME);
    }
    s->ops = serial_ops;
    s->ops.queues = 2 * (s->s.ports + 1);
    virtio_init(&s->v, &s->ops, "virtio-serial");
    for (unsigned n = 0; n < VIRTIO_SERIAL_PORTS; n++)
        if (ports[n].present)
            chardev_attach(ports[n].chardev, &front, &s->ports[n]);
    return &s->v;
}
