// SPDX-License-Identifier: GPL-3.0-or-later
// Requests on a qcow2 image, in whatever thread.
#ifndef DEVICES_BLOCK_QCOW2_IO_H
#define DEVICES_BLOCK_QCOW2_IO_H

#include "devices/block/qcow2.h"

// Waits until nobody changes a cluster; true if it had to, and everything may be different. Under
// the lock.
bool qcow2_wait_for(struct qcow2 *q, uint64_t cluster);

bool qcow2_reads_as_zeros(const struct qcow2 *q, const struct qcow2_extent *x, uint64_t cluster);

// Not under the lock.
int qcow2_write_range(struct qcow2 *q, struct iov_cursor *c, uint64_t offset, uint64_t len);
int qcow2_zero_or_discard(struct qcow2 *q, const struct block_request *req);

int qcow2_run(struct block *b, struct block_request *req);
int qcow2_attempt(struct block *b, struct block_request *req);

#endif
