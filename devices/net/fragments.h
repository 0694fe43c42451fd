// SPDX-License-Identifier: GPL-3.0-or-later
// Puts the IPv4 fragments that a guest sends together, before libslirp sees them: what its 4.7.0 does
// with some that do not fit together is to read and write memory that is not its own, and a guest
// may send what it likes. Little is kept: FRAGMENTS_DATAGRAMS datagrams at a time, of
// at most 64 KiB, each for FRAGMENTS_SECONDS. Fragments that overlap are dropped with their datagram
// (RFC 5722's rule, for both). Called by the network's thread alone.
#ifndef DEVICES_NET_FRAGMENTS_H
#define DEVICES_NET_FRAGMENTS_H

#include "devices/net/net.h"

enum { FRAGMENTS_DATAGRAMS = 8, FRAGMENTS_SECONDS = 15 };

struct fragments {
    struct fragments_datagram {
        uint8_t key[11]; // addresses, identification, protocol
        int64_t until;   // ns
        uint32_t len;    // payload bytes; 0: the last fragment has not come
        uint32_t got;    // payload bytes that have
        struct net_frame *f; // headers and payload in their places, or NULL: free
        uint8_t have[8192];  // a bit for every 8 bytes of payload
        bool first;          // the headers are there
    } d[FRAGMENTS_DATAGRAMS];
};

void fragments_init(struct fragments *s);
void fragments_fini(struct fragments *s);

// Takes a frame over and gives it back if it is no fragment; or gives the datagram that it completes;
// or NULL: it waits for others, or is no good. now: ns of any clock that does not go back.
struct net_frame *fragments_take(struct fragments *s, struct net_frame *f, int64_t now);

#endif
