// SPDX-License-Identifier: GPL-3.0-or-later
// The network's options: -netdev, -nic and -net, and which card is plugged into what.
#include "machine/device_types.h"
#include "machine/option_handlers.h"
#include "machine/suggest.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

// What is written down before it is looked at: all back ends' properties together.
struct net_props {
    int type;
    const char *id, *mac;
    int model; // there is one
    bool ipv4, ipv6, restricted;
    const char *net, *host, *dns, *dhcpstart, *hostname, *domainname, *tftp, *bootfile;
    struct keyval_list hostfwd;
    int address; // addr.type: unix is all there is
    const char *path;
    bool server;
    int fd;
};

static const struct keyval_choice backends[] = {
    {"user", CONFIG_NET_USER, "a network of its own behind the host's sockets (hostfwd= lets in)"},
    {"stream", CONFIG_NET_STREAM, "another machine, by a Unix socket (addr.path=, server=)"},
    {"socket", CONFIG_NET_SOCKET, "another machine, by a socket that is open already (fd=)"},
    {NULL},
};

static const struct keyval_choice models[] = {
    {"virtio", 0, NULL},
    {"virtio-net-device", 0, NULL},
    {"virtio-net-pci", 0, NULL}, // a script that wants a virtio card; where it sits is the board's
    {NULL},
};
static const struct keyval_choice addresses[] = {{"unix", 0, NULL}, {NULL}};

#define R(type, name, field, ...) ROW(type, net_props, name, field, __VA_ARGS__)
#define COMMON                    R(CHOICE, "type", type, backends), R(STRING, "id", id, NULL)
#define NIC                                                                                        \
    R(STRING, "mac", mac, NULL), R(STRING, "macaddr", mac, NULL), R(CHOICE, "model", model, models)
#define USER                                                                                       \
    R(BOOL, "ipv4", ipv4, NULL), R(BOOL, "ipv6", ipv6, NULL),                                      \
        R(BOOL, "restrict", restricted, NULL), R(STRING, "net", net, NULL),                        \
        R(STRING, "host", host, NULL), R(STRING, "dns", dns, NULL),                                \
        R(STRING, "dhcpstart", dhcpstart, NULL), R(STRING, "hostname", hostname, NULL),            \
        R(STRING, "domainname", domainname, NULL), R(STRING, "tftp", tftp, NULL),                  \
        R(STRING, "bootfile", bootfile, NULL), R(LIST, "hostfwd", hostfwd, NULL)
#define STREAM                                                                                     \
    R(CHOICE, "addr.type", address, addresses), R(STRING, "addr.path", path, NULL),                \
        R(BOOL, "server", server, NULL)
#define SOCKET R(NUMBER, "fd", fd, NULL)

static const struct keyval_row user_rows[] = {COMMON, NIC, USER};
static const struct keyval_row stream_rows[] = {COMMON, NIC, STREAM};
static const struct keyval_row socket_rows[] = {COMMON, NIC, SOCKET};
static const struct keyval_row nic_rows[] = {NIC, R(STRING, "netdev", id, NULL)};

static const struct {
    const struct keyval_row *rows;
    size_t count;
} rows_of[] = {
    [CONFIG_NET_USER] = {user_rows, ARRAY_SIZE(user_rows)},
    [CONFIG_NET_STREAM] = {stream_rows, ARRAY_SIZE(stream_rows)},
    [CONFIG_NET_SOCKET] = {socket_rows, ARRAY_SIZE(socket_rows)},
};

// Addresses -------------------------------------------------------------------------------------

static struct in_addr ip4(unsigned a, unsigned b, unsigned c, unsigned d)
{
    return (struct in_addr){htonl(a << 24 | b << 16 | c << 8 | d)};
}

static bool parse_ip4(const char *option, const char *name, const char *text, struct in_addr *out,
                      struct error *err)
{
    if (!text || inet_pton(AF_INET, text, out) == 1)
        return true;
    return error_set(err, "%s: %s=%s is not an IPv4 address", option, name, text);
}

static bool parse_mac(const char *option, const char *text, uint8_t mac[6], struct error *err)
{
    const char *p = text;
    for (unsigned i = 0; i < 6; i++) {
        char *end;
        unsigned long byte = strtoul(p, &end, 16);
        if (end == p || end - p > 2 || *p == '+' || *p == '-' || *p == ' ' ||
            *end != (i < 5 ? ':' : 0))
            return error_set(err, "%s: mac=%s is not an address like 52:54:00:12:34:56", option,
                             text);
        mac[i] = (uint8_t)byte;
        p = end + 1;
    }
    if (mac[0] & 1)
        return error_set(err, "%s: mac=%s is a multicast address", option, text);
    return true;
}

// "[ADDR]:PORT" in text[0..n) into *addr (which stays without ADDR) and *port.
static bool parse_end(const char *text, size_t n, struct in_addr *addr, uint16_t *port)
{
    char copy[32], *colon, *end;
    if (n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = 0;
    colon = strrchr(copy, ':');
    if (!colon || colon[1] < '0' || colon[1] > '9')
        return false;
    *colon = 0;
    unsigned long value = strtoul(colon + 1, &end, 10);
    *port = (uint16_t)value;
    return !*end && value && value <= 65535 &&
           (colon == copy || inet_pton(AF_INET, copy, addr) == 1);
}

static bool parse_hostfwd(const char *option, const char *text, struct net_hostfwd *f,
                          struct error *err)
{
    *f = (struct net_hostfwd){.host = ip4(127, 0, 0, 1)};
    const char *p = text;
    if (!strncmp(p, "tcp:", 4) || !strncmp(p, "udp:", 4)) {
        f->udp = *p == 'u';
        p += 4;
    } else if (*p == ':') {
        p++;
    } else {
        p = "";
    }
    const char *dash = strchr(p, '-');
    if (dash && parse_end(p, (size_t)(dash - p), &f->host, &f->host_port) &&
        parse_end(dash + 1, strlen(dash + 1), &f->guest, &f->guest_port))
        return true;
    return error_set(err, "%s: hostfwd=%s is not like tcp:[ADDR]:PORT-[ADDR]:PORT", option, text);
}

// "ADDR/BITS", "ADDR/MASK" or "ADDR" (24 bits).
static bool parse_net(const char *option, const char *text, struct net_slirp_config *u,
                      struct error *err)
{
    char copy[40];
    unsigned bits = 24;
    char *end;
    snprintf(copy, sizeof copy, "%s", text);
    char *slash = strchr(copy, '/');
    if (slash)
        *slash++ = 0;
    if (slash && inet_pton(AF_INET, slash, &u->mask) == 1) {
        uint32_t mask = ntohl(u->mask.s_addr);
        bits = (unsigned)__builtin_popcount(mask);
        if (~mask & (~mask + 1))
            bits = 0; // a mask with holes
    } else if (slash) {
        bits = (unsigned)strtoul(slash, &end, 10);
        if (*end)
            bits = 0;
    }
    if (bits < 8 || bits > 28 || inet_pton(AF_INET, copy, &u->net) != 1)
        return error_set(err, "%s: net=%s is not like 10.0.2.0/24 (8 to 28 bits)", option, text);
    u->mask.s_addr = htonl(~(uint32_t)0 << (32 - bits));
    u->net.s_addr &= u->mask.s_addr;
    return true;
}

// The user network: QEMU's addresses unless told otherwise.
static bool take_user(const char *option, const struct net_props *p, struct config_netdev *d,
                      struct error *err)
{
    struct net_slirp_config *u = &d->user;
    *u = (struct net_slirp_config){
        .ipv4 = p->ipv4,
        .ipv6 = p->ipv6,
        .restricted = p->restricted,
        .net = ip4(10, 0, 2, 0),
        .mask = ip4(255, 255, 255, 0),
        .hostname = p->hostname,
        .domain = p->domainname,
        .tftp = p->tftp,
        .bootfile = p->bootfile,
        .hostfwd_count = p->hostfwd.count,
    };
    if (!p->ipv4 && !p->ipv6)
        return error_set(err, "%s: neither ipv4 nor ipv6 is left", option);
    if (p->net && !parse_net(option, p->net, u, err))
        return false;
    u->host.s_addr = u->net.s_addr | htonl(2);
    u->dns.s_addr = u->net.s_addr | htonl(3);
    u->dhcp_start.s_addr = u->net.s_addr | htonl(~ntohl(u->mask.s_addr) > 31 ? 15 : 4);
    if (!parse_ip4(option, "host", p->host, &u->host, err) ||
        !parse_ip4(option, "dns", p->dns, &u->dns, err) ||
        !parse_ip4(option, "dhcpstart", p->dhcpstart, &u->dhcp_start, err))
        return false;
    if ((u->host.s_addr ^ u->net.s_addr) & u->mask.s_addr ||
        (u->dns.s_addr ^ u->net.s_addr) & u->mask.s_addr ||
        (u->dhcp_start.s_addr ^ u->net.s_addr) & u->mask.s_addr)
        return error_set(err, "%s: host=, dns= and dhcpstart= lie in the network", option);
    if (u->host.s_addr == u->dns.s_addr || u->host.s_addr == u->dhcp_start.s_addr ||
        u->dns.s_addr == u->dhcp_start.s_addr)
        return error_set(err, "%s: host=, dns= and dhcpstart= are three addresses", option);
    for (size_t i = 0; i < p->hostfwd.count; i++)
        if (!parse_hostfwd(option, p->hostfwd.items[i], &d->hostfwd[i], err))
            return false;
    return true;
}

// The options -----------------------------------------------------------------------------------

static bool take(const char *option, const struct net_props *p, struct config_netdev *d,
                 struct error *err)
{
    *d = (struct config_netdev){
        .type = p->type, .id = p->id, .path = p->path, .server = p->server, .fd = p->fd};
    if (p->mac && !parse_mac(option, p->mac, d->mac, err))
        return false;
    if (p->type == CONFIG_NET_USER)
        return take_user(option, p, d, err);
    if (p->type == CONFIG_NET_STREAM && !p->path)
        return error_set(err, "%s: no addr.path=", option);
    if (p->type == CONFIG_NET_SOCKET && p->fd < 3)
        return error_set(err, "%s: fd= names a socket that armlet inherits, 3 or above", option);
    return true;
}

static bool add(struct options *o, const char *option, const char *arg, bool nic)
{
    struct machine_config *c = o->config;
    struct net_props p = {.ipv4 = true, .ipv6 = true};
    if (wants_help(arg))
        return print_choices(o, "Available netdev backend types:", backends);
    const char *rest = arg, *type = keyval_first(c, "type", &rest);
    char what[64];
    if (!type)
        return error_set(o->err, "%s %s: the back end's name comes first", option, arg);
    if (!keyval_choose(backends, option, type, &p.type, o->err))
        return false;
    snprintf(what, sizeof what, "%s %s", option, type);
    struct keyval_group group = {what, NULL, rows_of[p.type].rows, rows_of[p.type].count};
    if (wants_help(rest))
        return print_properties(o, &group);
    if (c->netdev_count == CONFIG_MAX_NETDEVS)
        return error_set(o->err, "%s: more than %d networks", option, CONFIG_MAX_NETDEVS);
    if (!keyval_parse(c, &group, rest, &p, o->err))
        return false;
    if (!nic && (!p.id || p.mac))
        return error_set(o->err, p.id ? "%s: mac= goes with -device" : "%s: no id=", what);
    struct config_netdev *d = &c->netdevs[c->netdev_count];
    if (!take(what, &p, d, o->err))
        return false;
    d->nic = nic;
    c->netdev_count++;
    return true;
}

bool opt_netdev(struct options *o, const char *arg)
{
    return add(o, "-netdev", arg, false);
}

bool opt_nic(struct options *o, const char *arg)
{
    return !strcmp(arg, "none") || add(o, "-nic", arg, true);
}

// -net nic describes a card and -net user what it is plugged into; armlet makes one pair of them.
bool opt_net(struct options *o, const char *arg)
{
    struct net_props p = {0};
    static const struct keyval_group group = GROUP("-net nic", NULL, nic_rows);
    if (!strcmp(arg, "none"))
        return true;
    if (strncmp(arg, "nic", 3) || (arg[3] && arg[3] != ',')) {
        if (o->net_user)
            return error_set(o->err, "-net: one network (-nic makes more)");
        o->net_user = true;
        return add(o, "-net", arg, true);
    }
    if (o->net_nic)
        return error_set(o->err, "-net nic: one card (-nic makes more)");
    o->net_nic = true;
    if (!keyval_parse(o->config, &group, arg + 3 + (arg[3] == ','), &p, o->err))
        return false;
    if (p.id)
        return error_set(o->err, "-net nic,netdev=%s: say -device virtio-net-device,netdev=%s",
                         p.id, p.id);
    return !p.mac || parse_mac("-net nic", p.mac, o->net_mac, o->err);
}

static struct config_netdev *find_netdev(struct machine_config *c, const char *id)
{
    for (size_t i = 0; i < c->netdev_count; i++)
        if (!c->netdevs[i].nic && !strcmp(c->netdevs[i].id, id))
            return &c->netdevs[i];
    return NULL;
}

static bool connect_device(struct options *o, struct config_device *d)
{
    struct machine_config *c = o->config;
    d->net = find_netdev(c, d->netdev);
    if (!d->net)
        return error_set(o->err, "-device netdev=%s: there is no -netdev of that id", d->netdev);
    for (struct config_device *e = c->devices; e < d; e++)
        if (e->net == d->net)
            return error_set(o->err, "-device netdev=%s: it has a card already", d->netdev);
    return !d->mac || parse_mac("-device", d->mac, d->mac_address, o->err);
}

static bool add_nics(struct options *o)
{
    struct machine_config *c = o->config;
    for (size_t i = 0; i < c->netdev_count; i++) {
        if (!c->netdevs[i].nic)
            continue;
        if (c->device_count == CONFIG_MAX_DEVICES)
            return error_set(o->err, "-nic: the board's %d slots are taken", CONFIG_MAX_DEVICES);
        struct config_device *d = &c->devices[c->device_count++];
        *d = (struct config_device){.type = DEVICE_VIRTIO_NET, .net = &c->netdevs[i]};
        memcpy(d->mac_address, c->netdevs[i].mac, 6);
    }
    return true;
}

// Cards without an address get QEMU's, in their order.
static void number_cards(struct machine_config *c)
{
    static const uint8_t zero[6], first[6] = {0x52, 0x54, 0x00, 0x12, 0x34, 0x56};
    uint8_t last = first[5];
    for (size_t i = 0; i < c->device_count; i++) {
        struct config_device *d = &c->devices[i];
        if (!d->net || memcmp(d->mac_address, zero, 6))
            continue;
        memcpy(d->mac_address, first, 6);
        d->mac_address[5] = last++;
    }
}

bool options_connect_nets(struct options *o)
{
    struct machine_config *c = o->config;
    static const uint8_t zero[6];
    if (o->net_nic && !o->net_user && !add(o, "-net", "user", true))
        return false;
    for (size_t i = 0; i < c->netdev_count; i++) {
        const struct config_netdev *n = &c->netdevs[i];
        for (size_t j = 0; j < i; j++)
            if (n->id && c->netdevs[j].id && !strcmp(n->id, c->netdevs[j].id))
                return error_set(o->err, "-netdev: id=%s is given twice", n->id);
    }
    if (o->net_nic && memcmp(o->net_mac, zero, 6))
        for (size_t i = 0; i < c->netdev_count; i++)
            if (c->netdevs[i].nic && !memcmp(c->netdevs[i].mac, zero, 6))
                memcpy(c->netdevs[i].mac, o->net_mac, 6);
    for (size_t i = 0; i < c->device_count; i++)
        if (c->devices[i].netdev && !connect_device(o, &c->devices[i]))
            return false;
    if (!add_nics(o))
        return false;
    number_cards(c);
    return true;
}
