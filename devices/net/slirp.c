// SPDX-License-Identifier: GPL-3.0-or-later
// libslirp is called by the back end's thread alone (and by create and destroy, when there is no
// thread). It runs on the host's monotonic clock: its time-outs are those of the host's sockets.
#include "devices/net/slirp.h"
#include "devices/net/fragments.h"
#include "devices/net/offload.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <slirp/libslirp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MAX_TIMERS 4

struct timer {
    SlirpTimerCb fire;
    void *opaque;
    int64_t deadline; // ms; -1: not armed
    bool used;
};

struct slirp_net {
    struct net n;
    Slirp *slirp;
    struct timer timers[MAX_TIMERS];
    struct fragments fragments;
};

static struct slirp_net *of(struct net *n)
{
    return (struct slirp_net *)n;
}

// Callbacks of the library ------------------------------------------------------------------------

static int64_t now_ns(void *opaque)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static ssize_t send_packet(const void *data, size_t len, void *opaque)
{
    struct net_offload off = {.csum_good = true};
    net_deliver(opaque, data, len, &off);
    return (ssize_t)len;
}

static void guest_error(const char *text, void *opaque)
{
    // What the guest sends wrongly is its own business.
}

static void *timer_new(SlirpTimerCb fire, void *cb_opaque, void *opaque)
{
    struct slirp_net *s = opaque;
    for (unsigned i = 0; i < MAX_TIMERS; i++) {
        if (!s->timers[i].used) {
            s->timers[i] = (struct timer){fire, cb_opaque, -1, true};
            return &s->timers[i];
        }
    }
    assert(!"more timers than libslirp has");
    return NULL;
}

static void timer_release(void *timer, void *opaque)
{
    *(struct timer *)timer = (struct timer){.deadline = -1};
}

static void timer_set(void *timer, int64_t deadline, void *opaque)
{
    ((struct timer *)timer)->deadline = deadline;
}

static void ignore_fd(int fd, void *opaque) {}

static void ignore(void *opaque) {}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = now_ns,
    .timer_new = timer_new,
    .timer_free = timer_release,
    .timer_mod = timer_set,
    .register_poll_fd = ignore_fd,
    .unregister_poll_fd = ignore_fd,
    .notify = ignore,
};

// Waiting ----------------------------------------------------------------------------------------

static const struct {
    int slirp;
    short poll;
} events[] = {
    {SLIRP_POLL_IN, POLLIN},   {SLIRP_POLL_OUT, POLLOUT}, {SLIRP_POLL_PRI, POLLPRI},
    {SLIRP_POLL_ERR, POLLERR}, {SLIRP_POLL_HUP, POLLHUP},
};

static int add_poll(int fd, int wanted, void *opaque)
{
    struct slirp_net *s = opaque;
    short set = 0;
    for (unsigned i = 0; i < sizeof events / sizeof *events; i++)
        if (wanted & events[i].slirp)
            set |= events[i].poll;
    return (int)net_poll_add(&s->n.polls, fd, set);
}

static int get_revents(int index, void *opaque)
{
    struct slirp_net *s = opaque;
    int set = 0;
    for (unsigned i = 0; i < sizeof events / sizeof *events; i++)
        if (s->n.polls.fds[index].revents & events[i].poll)
            set |= events[i].slirp;
    return set;
}

static void prepare(struct net *n, struct net_polls *polls)
{
    struct slirp_net *s = of(n);
    uint32_t timeout = UINT32_MAX;
    slirp_pollfds_fill(s->slirp, &timeout, add_poll, s);
    if (timeout != UINT32_MAX)
        net_poll_within(polls, timeout);
    int64_t now = now_ns(NULL) / 1000000;
    for (unsigned i = 0; i < MAX_TIMERS; i++)
        if (s->timers[i].used && s->timers[i].deadline >= 0)
            net_poll_within(polls, s->timers[i].deadline - now);
}

static void serve(struct net *n, const struct net_polls *polls)
{
    struct slirp_net *s = of(n);
    slirp_pollfds_poll(s->slirp, 0, get_revents, s);
    int64_t now = now_ns(NULL) / 1000000;
    for (unsigned i = 0; i < MAX_TIMERS; i++) {
        struct timer *t = &s->timers[i];
        if (t->used && t->deadline >= 0 && t->deadline <= now) {
            t->deadline = -1;
            t->fire(t->opaque);
        }
    }
}

static void input(struct net *n, struct net_frame *f)
{
    struct slirp_net *s = of(n);
    if (!offload_finish(f)) {
        free(f);
        return;
    }
    f = fragments_take(&s->fragments, f, now_ns(NULL));
    if (f)
        slirp_input(s->slirp, f->data, (int)f->len);
    free(f);
}

static void destroy(struct net *n)
{
    struct slirp_net *s = of(n);
    if (s->slirp)
        slirp_cleanup(s->slirp);
    fragments_fini(&s->fragments);
    net_fini(n);
    free(s);
}

static bool forward(struct slirp_net *s, const struct net_hostfwd *f, struct error *err)
{
    struct sockaddr_in host = {
        .sin_family = AF_INET, .sin_port = htons(f->host_port), .sin_addr = f->host};
    struct sockaddr_in guest = {
        .sin_family = AF_INET, .sin_port = htons(f->guest_port), .sin_addr = f->guest};
    errno = 0;
    if (!slirp_add_hostxfwd(s->slirp, (struct sockaddr *)&host, sizeof host,
                            (struct sockaddr *)&guest, sizeof guest,
                            f->udp ? SLIRP_HOSTFWD_UDP : 0))
        return true;
    char name[INET_ADDRSTRLEN];
    inet_ntop(AF_INET, &f->host, name, sizeof name);
    return error_set(err, "hostfwd=%s:%s:%u: %s", f->udp ? "udp" : "tcp", name, f->host_port,
                     errno ? strerror(errno) : "the port cannot be had");
}

struct net *net_slirp_create(const struct net_slirp_config *config, struct error *err)
{
    static const struct net_ops ops = {
        .tso = true,
        .prepare = prepare,
        .serve = serve,
        .input = input,
        .destroy = destroy,
    };
    struct slirp_net *s = calloc(1, sizeof *s);
    assert(s);
    net_init(&s->n, &ops);
    SlirpConfig c = {
        .version = 4,
        .restricted = config->restricted,
        .in_enabled = config->ipv4,
        .vnetwork = config->net,
        .vnetmask = config->mask,
        .vhost = config->host,
        .vnameserver = config->dns,
        .vdhcp_start = config->dhcp_start,
        .in6_enabled = config->ipv6,
        .vprefix_len = 64,
        .vhostname = config->hostname,
        .vdomainname = config->domain,
        .tftp_path = config->tftp,
        .bootfile = config->bootfile,
    };
    inet_pton(AF_INET6, "fec0::", &c.vprefix_addr6);
    inet_pton(AF_INET6, "fec0::2", &c.vhost6);
    inet_pton(AF_INET6, "fec0::3", &c.vnameserver6);
    s->slirp = slirp_new(&c, &callbacks, s);
    if (!s->slirp) {
        net_destroy(&s->n);
        error_set(err, "user network: libslirp refuses to start");
        return NULL;
    }
    for (size_t i = 0; i < config->hostfwd_count; i++) {
        if (!forward(s, &config->hostfwd[i], err)) {
            net_destroy(&s->n);
            return NULL;
        }
    }
    return &s->n;
}
