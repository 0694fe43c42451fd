// SPDX-License-Identifier: GPL-3.0-or-later
// The user network: a router, DHCP and DNS server that lives in this process and reaches the
// outside through the host's ordinary sockets (libslirp). No privileges; nobody outside reaches the
// guest but through a forwarded port.
#ifndef DEVICES_NET_SLIRP_H
#define DEVICES_NET_SLIRP_H

#include "base/error.h"
#include "devices/net/net.h"

#include <netinet/in.h>

struct net_hostfwd {
    bool udp;
    struct in_addr host;  // network byte order, as are all addresses
    struct in_addr guest; // 0: the address that DHCP gives out first
    uint16_t host_port, guest_port;
};

struct net_slirp_config {
    bool ipv4, ipv6;
    bool restricted; // the guest reaches nothing but what is forwarded to it
    struct in_addr net, mask, host, dns, dhcp_start;
    const char *hostname, *domain; // NULL: none
    const char *tftp, *bootfile;   // directory served by TFTP and what DHCP names; NULL: none
    const struct net_hostfwd *hostfwd;
    size_t hostfwd_count;
};

// Everything is copied but tftp and bootfile, which must outlive it. Fails when a port that is to
// be forwarded cannot be had.
struct net *net_slirp_create(const struct net_slirp_config *config, struct error *err);

#endif
