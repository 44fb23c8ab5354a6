/* Commands: net shows the interfaces, dhcp renews a lease. */
#include <errno.h>

#include "kernel/console.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/report.h"
#include "lwip/dhcp.h"
#include "lwip/prot/dhcp.h"
#include "lwip/tcpip.h"
#include "net/interface.h"
#include "vring0/system.h"

#define LEASE_WAIT_MS 10000u
#define LEASE_POLL_MS 10u

static void result_pair(const char *name, const char *suffix, const struct netdev_stats *stats)
{
    at_line("result", "name=%s.rx%s value=%llu unit=frames", name, suffix,
            (unsigned long long)stats->rx_frames);
    at_line("result", "name=%s.tx%s value=%llu unit=frames", name, suffix,
            (unsigned long long)stats->tx_frames);
}

static void result_counters(const struct interface *iface)
{
    unsigned pair_cnt = netdev_info(iface->dev)->pair_cnt;
    struct netdev_stats stats;
    char suffix[8];

    netdev_stats(iface->dev, &stats);
    result_pair(iface->name, "", &stats);
    for (unsigned i = 0; i < pair_cnt; i++) {
        netdev_pair_stats(iface->dev, i, &stats);
        format(suffix, sizeof(suffix), "%u", i);
        result_pair(iface->name, suffix, &stats);
    }
}

static int cmd_net(int argc, char **argv)
{
    if (argc > 1)
        return console_fail(-EINVAL, "net takes no arguments, not \"%s\"", argv[1]);
    if (interface_cnt == 0)
        print("no network interfaces\n");
    else
        system_report("network", 0, report_emit_print, NULL);
    for (unsigned i = 0; i < interface_cnt; i++)
        result_counters(interfaces[i]);
    return 0;
}

CONSOLE_COMMAND(net, .name = "net", .usage = "net", .summary = "interfaces, addresses, counters",
                .run = cmd_net);

static void print_lease(const struct interface *iface)
{
    const struct dhcp *dhcp = netif_dhcp_data(&iface->netif);
    char ip[16], gateway[16], server[ADDRESS_TEXT_MAX];

    print("%s: %s, gateway %s, from server %s, for %lu s\n", iface->name,
          ip4addr_ntoa_r(netif_ip4_addr(&iface->netif), ip, sizeof(ip)),
          ip4addr_ntoa_r(netif_ip4_gw(&iface->netif), gateway, sizeof(gateway)),
          address_text(&dhcp->server_ip_addr, server), (unsigned long)dhcp->offered_t0_lease);
    at_line("result", "name=%s.lease value=%lu unit=s", iface->name,
            (unsigned long)dhcp->offered_t0_lease);
}

/* Asks the server anew; a lease already there stays valid until it answers. */
static int renew(struct interface *iface)
{
    err_t err;

    LOCK_TCPIP_CORE();
    if (iface->use_dhcp && dhcp_supplied_address(&iface->netif)) {
        err = dhcp_renew(&iface->netif);
    } else {
        netif_set_addr(&iface->netif, IP4_ADDR_ANY4, IP4_ADDR_ANY4, IP4_ADDR_ANY4);
        iface->use_dhcp = true;
        err = dhcp_start(&iface->netif);
    }
    UNLOCK_TCPIP_CORE();
    return err == ERR_OK ? 0 : err == ERR_MEM ? -ENOMEM : -EIO;
}

static int wait_bound(struct interface *iface)
{
    for (unsigned ms = 0; ms < LEASE_WAIT_MS; ms += LEASE_POLL_MS) {
        const struct dhcp *dhcp = netif_dhcp_data(&iface->netif);

        if (dhcp != NULL && dhcp->state == DHCP_STATE_BOUND)
            return 0;
        if (console_interrupted())
            return -EINTR;
        system_sleep_ms(LEASE_POLL_MS);
    }
    return -ETIMEDOUT;
}

static int cmd_dhcp(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "net0";
    struct interface *iface = interface_find(name);
    int rc;

    if (iface == NULL)
        return console_fail(-ENOENT, "no network interface \"%s\"", name);
    if (!iface->attached)
        return console_fail(-EBUSY, "%s is not used by the IP stack", name);
    rc = renew(iface);
    if (rc != 0)
        return console_fail(rc, "%s: the request could not be sent", name);
    rc = wait_bound(iface);
    if (rc == -EINTR)
        return console_fail(rc, "interrupted");
    if (rc != 0)
        return console_fail(rc, "%s: no server answered within %u s, link %s", name,
                            LEASE_WAIT_MS / 1000, netdev_link_up(iface->dev) ? "up" : "down");
    print_lease(iface);
    return 0;
}

CONSOLE_COMMAND(dhcp, .name = "dhcp", .usage = "dhcp [DEV]",
                .summary = "get or renew a lease, show it", .run = cmd_dhcp);
