// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/host_limits.h"

#include <sys/resource.h>

#define ENOUGH 65536

void host_limits_raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= ENOUGH)
        return;
    limit.rlim_cur = limit.rlim_max < ENOUGH ? limit.rlim_max : ENOUGH;
    setrlimit(RLIMIT_NOFILE, &limit);
}
