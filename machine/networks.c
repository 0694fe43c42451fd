// SPDX-License-Identifier: GPL-3.0-or-later
#include "machine/networks.h"

#include "devices/net/slirp.h"
#include "devices/net/socket.h"
#include "machine/host_limits.h"

static struct net *create(const struct config_netdev *d, struct error *err)
{
    struct net_slirp_config user = d->user;
    user.hostfwd = d->hostfwd;
    switch (d->type) {
    case CONFIG_NET_STREAM:
        return net_socket_open(d->path, d->server, err);
    case CONFIG_NET_SOCKET:
        return net_socket_create(d->fd, err);
    default:
        return net_slirp_create(&user, err);
    }
}

bool networks_init(struct machine *m, struct error *err)
{
    if (m->config->machine.dumpdtb)
        return true; // nothing will run
    if (m->config->netdev_count)
        host_limits_raise_descriptors();
    for (size_t n = 0; n < m->config->netdev_count; n++)
        if (!(m->nets[n] = create(&m->config->netdevs[n], err)))
            return false;
    return true;
}

void networks_start(struct machine *m)
{
    for (size_t n = 0; n < m->config->netdev_count; n++)
        if (m->nets[n])
            net_start(m->nets[n], &m->lock);
}

void networks_fini(struct machine *m)
{
    for (size_t n = 0; n < m->config->netdev_count; n++) {
        net_destroy(m->nets[n]);
        m->nets[n] = NULL;
    }
}
