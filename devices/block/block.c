// SPDX-License-Identifier: GPL-3.0-or-later
#include "devices/block/block.h"

#include <errno.h>

// What every back end may rely on.
static int check(const struct block *b, const struct block_request *req)
{
    if (req->op == BLOCK_FLUSH)
        return 0;
    if (req->op != BLOCK_READ && b->readonly)
        return EROFS;
    if (req->offset > b->size || req->len > b->size - req->offset)
        return EIO;
    return 0;
}

void block_submit(struct block *b, struct block_request *req)
{
    int error = check(b, req);
    req->done(req, error ? error : b->ops->run(b, req));
}

void block_close(struct block *b)
{
    if (b)
        b->ops->close(b);
}
