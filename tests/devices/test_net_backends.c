// SPDX-License-Identifier: GPL-3.0-or-later
// The back ends of networks, stepped by hand: sockets, and the user network on loopback.
#include "bench.h"
#include "devices/net/slirp.h"
#include "devices/net/socket.h"
#include "tests/support/random.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static unsigned calls;

static void receive(void *opaque)
{
    calls++;
}

static void writable(void *opaque) {}

static const struct net_front front = {receive, writable};
static struct error err;

static void send_frame(struct net *n, const void *data, size_t len)
{
    struct net_frame *f = net_frame_new(len);
    memcpy(f->data, data, len);
    f->len = (uint32_t)len;
    net_send(n, f);
    net_step(n, 0);
}

// The next frame to the guest; fails after a second without.
static struct net_frame *get(struct net *n)
{
    for (unsigned i = 0; i < 100 && !net_head(n); i++)
        net_step(n, 10);
    cr_assert(net_head(n), "no frame came");
    return net_head(n);
}

// Sockets ---------------------------------------------------------------------------------------

static struct net *pair(int type, int *peer)
{
    int fds[2];
    cr_assert(!socketpair(AF_UNIX, type, 0, fds));
    struct net *n = net_socket_create(fds[0], &err);
    cr_assert(n, "%s", err.text);
    net_attach(n, &front, NULL);
    *peer = fds[1];
    return n;
}

Test(net_socket, stream)
{
    int peer;
    uint8_t frame[100], got[200];
    struct net *n = pair(SOCK_STREAM, &peer);
    memset(frame, 0x5a, sizeof frame);
    send_frame(n, frame, sizeof frame);
    EXPECT(read(peer, got, sizeof got), 104);
    EXPECT(got[3], 100);
    cr_assert(!memcmp(got + 4, frame, sizeof frame));
    // A byte at a time, two frames.
    static const uint8_t bytes[] = {0, 0, 0,  14, 1, 2, 3, 4, 5, 6, 7, 8, 9,  10, 11, 12, 13, 14, 0,
                                    0, 0, 15, 1,  2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    for (size_t i = 0; i < sizeof bytes; i++) {
        EXPECT(write(peer, bytes + i, 1), 1);
        net_step(n, 0);
    }
    EXPECT(get(n)->len, 14);
    net_drop(n);
    EXPECT(get(n)->len, 15);
    net_drop(n);
    cr_assert(!net_head(n), "a third frame");
    EXPECT(write(peer, "\0\1\1\1", 4), 4); // no frame is that long: hangs up
    net_step(n, 0);
    EXPECT(read(peer, got, sizeof got), 0);
    send_frame(n, frame, sizeof frame); // into nothing
    net_destroy(n);
    close(peer);
}

Test(net_socket, datagrams)
{
    int peer;
    uint8_t got[100] = {0};
    struct net *n = pair(SOCK_DGRAM, &peer);
    send_frame(n, "123456789012345678", 18);
    EXPECT(read(peer, got, sizeof got), 18);
    EXPECT(write(peer, got, 18), 18);
    EXPECT(write(peer, got, 5), 5); // shorter than any frame
    EXPECT(write(peer, got, 16), 16);
    EXPECT(get(n)->len, 18);
    net_drop(n);
    EXPECT(get(n)->len, 16);
    net_drop(n);
    close(peer);
    for (unsigned i = 0; i < 3; i++)
        net_step(n, 0); // it sees the end and rests
    net_destroy(n);
}

Test(net_socket, a_peer_that_does_not_read)
{
    int peer;
    struct net *n = pair(SOCK_STREAM, &peer);
    static uint8_t frame[60000], got[4096];
    for (unsigned i = 0; i < 100; i++)
        send_frame(n, frame, sizeof frame);
    cr_assert(n->dropped > 0, "6 MB found room");
    // What comes out are whole frames.
    size_t total = 0;
    ssize_t k;
    while ((k = recv(peer, got, sizeof got, MSG_DONTWAIT)) > 0) {
        total += (size_t)k;
        net_step(n, 0);
    }
    EXPECT(total % (sizeof frame + 4), 0);
    net_destroy(n);
    close(peer);
}

Test(net_socket, by_path)
{
    char dir[] = "/tmp/armlet-net-XXXXXX", path[64];
    cr_assert(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/wire", dir);
    cr_assert(!net_socket_open(path, false, &err), "connected to nothing");
    cr_assert(strstr(err.text, path), "'%s' does not name it", err.text);
    struct net *a = net_socket_open(path, true, &err), *c;
    cr_assert(a, "%s", err.text);
    cr_assert(!net_socket_open(path, true, &err), "two listen at one place");
    for (unsigned round = 0; round < 2; round++) { // a second peer after the first
        c = net_socket_open(path, false, &err);
        cr_assert(c, "%s", err.text);
        net_attach(a, &front, NULL);
        net_attach(c, &front, NULL);
        net_step(a, 0);
        send_frame(c, "12345678901234567", 17);
        EXPECT(get(a)->len, 17);
        net_drop(a);
        send_frame(a, "1234567890123456", 16);
        EXPECT(get(c)->len, 16);
        net_destroy(c);
        net_step(a, 0);
    }
    net_destroy(a);
    cr_assert(access(path, F_OK), "the socket's file stays");
    rmdir(dir);
    static char long_path[200];
    memset(long_path, 'x', sizeof long_path - 1);
    cr_assert(!net_socket_open(long_path, true, &err));
    cr_assert(!net_socket_create(open("/dev/null", 0), &err));
}

// With a thread, both directions at once: nothing is lost of what finds room, nothing hangs.
static unsigned arrived;

static void count(void *opaque)
{
    struct net *n = opaque;
    for (; net_head(n); net_drop(n))
        arrived++;
}

Test(net_socket, with_its_thread, .timeout = 30)
{
    static const struct net_front counting = {count, writable};
    struct mutex door;
    int peer;
    uint8_t frame[64] = {0};
    mutex_init(&door);
    struct net *n = pair(SOCK_SEQPACKET, &peer);
    net_attach(n, &counting, n);
    net_start(n, &door);
    for (unsigned i = 0; i < 10000; i++) {
        if (i % 2) {
            EXPECT(write(peer, frame, sizeof frame), sizeof frame);
        } else {
            struct net_frame *f = net_frame_new(64);
            memset(f->data, 0, 64);
            f->len = 64;
            mutex_lock(&door);
            net_send(n, f);
            net_kick(n);
            mutex_unlock(&door);
            EXPECT(read(peer, frame, sizeof frame), 64);
        }
    }
    for (bool all = false; !all; usleep(100)) {
        mutex_lock(&door);
        all = arrived == 5000;
        mutex_unlock(&door);
    }
    net_destroy(n);
    close(peer);
    mutex_fini(&door);
}

// The user network ------------------------------------------------------------------------------

static struct in_addr ip(const char *text)
{
    struct in_addr a;
    inet_pton(AF_INET, text, &a);
    return a;
}

static struct net_slirp_config user(void)
{
    return (struct net_slirp_config){
        .ipv4 = true,
        .ipv6 = true,
        .net = ip("10.0.2.0"),
        .mask = ip("255.255.255.0"),
        .host = ip("10.0.2.2"),
        .dns = ip("10.0.2.3"),
        .dhcp_start = ip("10.0.2.15"),
    };
}

static struct net *user_net(const struct net_slirp_config *config)
{
    struct net *n = net_slirp_create(config, &err);
    cr_assert(n, "%s", err.text);
    net_attach(n, &front, NULL);
    return n;
}

static uint16_t sum(const uint8_t *p, size_t len)
{
    uint32_t s = 0;
    for (size_t i = 0; i < len; i++)
        s += i & 1 ? p[i] : (uint32_t)p[i] << 8;
    while (s >> 16)
        s = (s & 0xffff) + (s >> 16);
    return (uint16_t)~s;
}

// An IPv4 packet in f from 10.0.2.15 (or nobody yet); returns where its payload goes.
static uint8_t *packet(uint8_t *f, const char *from, const char *to, uint8_t protocol, size_t len)
{
    struct in_addr src = ip(from), dst = ip(to);
    memset(f, 0, 34 + len);
    memcpy(f, "\xff\xff\xff\xff\xff\xff\x52\x54\0\x12\x34\x56\x08", 13);
    uint8_t *p = f + 14;
    p[0] = 0x45, p[2] = (uint8_t)((20 + len) >> 8), p[3] = (uint8_t)(20 + len);
    p[8] = 64, p[9] = protocol;
    memcpy(p + 12, &src, 4);
    memcpy(p + 16, &dst, 4);
    uint16_t s = sum(p, 20);
    p[10] = (uint8_t)(s >> 8), p[11] = (uint8_t)s;
    return p + 20;
}

static uint8_t *udp(uint8_t *f, const char *from, const char *to, uint16_t sport, uint16_t dport,
                    size_t len)
{
    uint8_t *u = packet(f, from, to, 17, 8 + len);
    u[0] = (uint8_t)(sport >> 8), u[1] = (uint8_t)sport;
    u[2] = (uint8_t)(dport >> 8), u[3] = (uint8_t)dport;
    u[4] = (uint8_t)((8 + len) >> 8), u[5] = (uint8_t)(8 + len);
    return u + 8; // no checksum: RFC 768 allows that
}

// The next frame that is IPv4 of this protocol. ARP requests are answered on the way.
static const uint8_t *await(struct net *n, uint8_t protocol, size_t *len)
{
    static uint8_t copy[2000];
    for (unsigned i = 0; i < 20; i++) {
        struct net_frame *f = get(n);
        cr_assert(f->len <= sizeof copy);
        memcpy(copy, f->data, f->len);
        *len = f->len;
        net_drop(n);
        if (copy[12] == 8 && copy[13] == 6 && copy[21] == 1) {
            uint8_t reply[42];
            memcpy(reply, copy + 6, 6);
            memcpy(reply + 6, "\x52\x54\0\x12\x34\x56\x08\x06\0\1\x08\0\6\4\0\2", 16);
            memcpy(reply + 22, "\x52\x54\0\x12\x34\x56", 6);
            memcpy(reply + 28, copy + 38, 4);
            memcpy(reply + 32, copy + 22, 10);
            send_frame(n, reply, sizeof reply);
        } else if (copy[12] == 8 && copy[13] == 0 && copy[14 + 9] == protocol) {
            return copy;
        }
    }
    cr_assert(0, "no packet of protocol %u came", protocol);
    return NULL;
}

static void dhcp_discover(struct net *n)
{
    uint8_t f[400];
    size_t len;
    uint8_t *d = udp(f, "0.0.0.0", "255.255.255.255", 68, 67, 300);
    memcpy(d, "\1\1\6\0\x12\x34\x56\x78", 8);
    memcpy(d + 28, "\x52\x54\0\x12\x34\x56", 6);
    memcpy(d + 236, "\x63\x82\x53\x63\x35\1\1\xff", 8);
    send_frame(n, f, 14 + 20 + 8 + 300);
    const uint8_t *r = await(n, 17, &len);
    struct in_addr yours = ip("10.0.2.15");
    cr_assert(!memcmp(r + 42 + 4, "\x12\x34\x56\x78", 4), "another transaction");
    cr_assert(!memcmp(r + 42 + 16, &yours, 4), "an offer of %u.%u.%u.%u", r[58], r[59], r[60],
              r[61]);
}

Test(net_user, gives_out_addresses)
{
    struct net_slirp_config config = user();
    struct net *n = user_net(&config);
    dhcp_discover(n);
    net_destroy(n);
}

Test(net_user, answers_a_ping)
{
    struct net_slirp_config config = user();
    struct net *n = user_net(&config);
    uint8_t f[100];
    size_t len;
    uint8_t *p = packet(f, "10.0.2.15", "10.0.2.2", 1, 16);
    p[0] = 8, p[5] = 7, p[7] = 9;
    uint16_t s = sum(p, 16);
    p[2] = (uint8_t)(s >> 8), p[3] = (uint8_t)s;
    send_frame(n, f, 50);
    const uint8_t *r = await(n, 1, &len);
    EXPECT(r[34], 0); // echo reply
    EXPECT(r[39], 7);
    EXPECT(r[41], 9);
    net_destroy(n);
}

static int bound(int type, struct sockaddr_in *at)
{
    int fd = socket(AF_INET, type, 0);
    socklen_t len = sizeof *at;
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    cr_assert(!bind(fd, (struct sockaddr *)at, sizeof *at));
    cr_assert(!getsockname(fd, (struct sockaddr *)at, &len));
    return fd;
}

Test(net_user, datagrams_reach_the_host_and_come_back)
{
    struct net_slirp_config config = user();
    struct net *n = user_net(&config);
    struct sockaddr_in at, from;
    socklen_t from_len = sizeof from;
    int fd = bound(SOCK_DGRAM, &at);
    uint8_t f[100], got[100];
    size_t len;
    uint8_t *d = udp(f, "10.0.2.15", "10.0.2.2", 4000, ntohs(at.sin_port), 5);
    memcpy(d, "hello", 5);
    send_frame(n, f, 47);
    EXPECT(recvfrom(fd, got, sizeof got, 0, (struct sockaddr *)&from, &from_len), 5);
    cr_assert(!memcmp(got, "hello", 5));
    EXPECT(sendto(fd, "there", 5, 0, (struct sockaddr *)&from, from_len), 5);
    const uint8_t *r = await(n, 17, &len);
    cr_assert(!memcmp(r + 42, "there", 5));
    EXPECT(r[36] << 8 | r[37], 4000);
    net_destroy(n);
    close(fd);
}

Test(net_user, restricted_reaches_nobody)
{
    struct net_slirp_config config = user();
    config.restricted = true;
    struct net *n = user_net(&config);
    struct sockaddr_in at;
    int fd = bound(SOCK_DGRAM, &at);
    uint8_t f[100], got[100];
    udp(f, "10.0.2.15", "10.0.2.2", 4000, ntohs(at.sin_port), 5);
    send_frame(n, f, 47);
    net_step(n, 10);
    cr_assert(recv(fd, got, sizeof got, MSG_DONTWAIT) < 0, "it came through");
    dhcp_discover(n);
    net_destroy(n);
    close(fd);
}

Test(net_user, forwards_a_port)
{
    // A port that is free: found by asking for any, then given back.
    struct sockaddr_in at;
    close(bound(SOCK_STREAM, &at));
    struct net_hostfwd forward = {
        .host = ip("127.0.0.1"), .host_port = ntohs(at.sin_port), .guest_port = 22};
    struct net_slirp_config config = user();
    config.hostfwd = &forward;
    config.hostfwd_count = 1;
    struct net *n = user_net(&config);
    dhcp_discover(n);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    size_t len;
    cr_assert(!connect(fd, (struct sockaddr *)&at, sizeof at) || errno == EINPROGRESS);
    const uint8_t *syn = await(n, 6, &len);
    EXPECT(syn[36] << 8 | syn[37], 22);
    EXPECT(syn[47], 2); // SYN
    close(fd);
    // The port is taken now: a second network says so and names it.
    cr_assert(!net_slirp_create(&config, &err), "two networks share a port");
    char name[40];
    snprintf(name, sizeof name, "tcp:127.0.0.1:%u", forward.host_port);
    cr_assert(strstr(err.text, name), "'%s' does not name %s", err.text, name);
    net_destroy(n);
}

Test(net_user, fuzz, .timeout = 60)
{
    struct net_slirp_config config = user();
    config.restricted = true; // nothing goes out
    struct net *n = user_net(&config);
    uint64_t x = RANDOM_SEED;
    static uint8_t f[2000];
    for (unsigned i = 0; i < 20000; i++) {
        static const uint8_t protocols[] = {1, 6, 17, 58};
        random_next(&x);
        size_t len = x % 300;
        uint8_t *p =
            packet(f, "10.0.2.15", x & 64 ? "10.0.2.2" : "10.0.2.3", protocols[x >> 8 & 3], len);
        for (size_t j = 0; j < len; j++) {
            random_next(&x);
            p[j] = (uint8_t)x;
        }
        for (unsigned j = 0; j < x % 3; j++)
            f[6 + (x >> (8 + 8 * j)) % 40] = (uint8_t)(x >> 40);
        if (x % 5 == 0)
            f[12] = 0x86, f[13] = 0xdd, f[14] = 0x60;
        struct net_offload off = {.csum = x >> 20 & 1,
                                  .csum_start = (uint16_t)(x >> 21 & 63),
                                  .csum_offset = (uint16_t)(x >> 30 & 31)};
        struct net_frame *frame = net_frame_new(34 + len);
        memcpy(frame->data, f, 34 + len);
        frame->len = (uint32_t)(34 + len);
        frame->off = off;
        net_send(n, frame);
        if (i % 16 == 0)
            net_step(n, 0);
        net_forget(n);
    }
    net_destroy(n);
}
