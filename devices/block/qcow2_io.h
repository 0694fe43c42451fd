// SPDX-License-Identifier: GPL-3.0-or-later
// Requests on a qcow2 image, in whatever thread.
#ifndef DEVICES_BLOCK_QCOW2_IO_H
#define DEVICES_BLOCK_QCOW2_IO_H

#include "devices/block/qcow2.h"

int qcow2_run(struct block *b, struct block_request *req);
int qcow2_attempt(struct block *b, struct block_request *req);

#endif
