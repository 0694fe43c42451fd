// SPDX-License-Identifier: GPL-3.0-or-later
// What network cards do for their drivers: the Internet checksum (RFC 1071), one large TCP segment
// in place of many.
//
// Merging (what Linux calls GRO) takes frames of the back end in the order in which they come: a
// TCP segment without options whose sequence number continues the frame before is appended to it,
// and the guest handles one packet where there were forty. The merged frame's checksum is left to
// the other side, as for any frame with `gso`.
#ifndef DEVICES_NET_OFFLOAD_H
#define DEVICES_NET_OFFLOAD_H

#include "devices/net/net.h"

// The sum in one's complement of len bytes, added to `sum`; not folded.
uint64_t offload_sum(const void *data, size_t len, uint64_t sum);
uint16_t offload_fold(uint64_t sum); // not complemented, in the byte order of memory

// Stores the checksum that f->off.csum asks for, and makes whole the headers of a frame with gso:
// lengths and checksums are then those of one large IP packet. False: the offload does not fit
// the frame, which is to be dropped.
bool offload_finish(struct net_frame *f);

// Whether the frame in data continues `last`; accepts is a set of 1 << enum net_gso.
bool offload_mergeable(const struct net_frame *last, const uint8_t *data, size_t len,
                       unsigned accepts);
// Appends its payload. last has capacity for it.
void offload_merge(struct net_frame *last, const uint8_t *data, size_t len);
// After the last merge: the headers of what was merged.
void offload_seal(struct net_frame *f);

#endif
