/* The report "network": interfaces with addresses and counters, as a table for people or as JSON.
 */
#include "kernel/report.h"

#include "lwip/dns.h"
#include "net/hooks.h"
#include "net/interface.h"
#include "net/private.h"

struct sink {
    report_emit_t emit;
    void *arg;
};

static const char *source_of(const struct interface *iface)
{
    return !iface->has_address ? "none" : iface->use_dhcp ? "dhcp" : "static";
}

static void text_interface(const struct sink *to, const struct interface *iface)
{
    const struct netif *netif = &iface->netif;
    const u8_t *mac = netif->hwaddr;
    struct netdev_stats stats;
    char ip[16], gateway[16], text[ADDRESS_TEXT_MAX];

    netdev_stats(iface->dev, &stats);
    report_printf(to->emit, to->arg, "%-6s %02x:%02x:%02x:%02x:%02x:%02x  mtu %u  link %s%s\n",
                  iface->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], netif->mtu,
                  netdev_link_up(iface->dev) ? "up" : "down",
                  iface->attached ? "" : "  (not used by the IP stack)");
    if (iface->has_address)
        report_printf(
            to->emit, to->arg, "       ipv4 %s/%u  gateway %s  by %s\n",
            ip4addr_ntoa_r(netif_ip4_addr(netif), ip, sizeof(ip)), interface_prefix_len(iface),
            ip4addr_ntoa_r(netif_ip4_gw(netif), gateway, sizeof(gateway)), source_of(iface));
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            report_printf(to->emit, to->arg, "       ipv6 %s\n",
                          address_text(netif_ip_addr6(netif, i), text));
    }
    report_printf(to->emit, to->arg,
                  "       rx %llu frames, %llu bytes, %llu dropped, %llu errors\n"
                  "       tx %llu frames, %llu bytes, %llu dropped\n",
                  (unsigned long long)stats.rx_frames, (unsigned long long)stats.rx_bytes,
                  (unsigned long long)stats.rx_dropped, (unsigned long long)stats.rx_errors,
                  (unsigned long long)stats.tx_frames, (unsigned long long)stats.tx_bytes,
                  (unsigned long long)stats.tx_dropped);
}

static void text_stack(const struct sink *to)
{
    char text[ADDRESS_TEXT_MAX];

    for (u8_t i = 0; i < DNS_MAX_SERVERS; i++) {
        if (!ip_addr_isany(dns_getserver(i)))
            report_printf(to->emit, to->arg, "dns    %s\n", address_text(dns_getserver(i), text));
    }
    report_printf(to->emit, to->arg, "memory %zu of %zu KiB\n", net_memory_used() / 1024,
                  net_memory_max() / 1024);
}

static void json_addresses(const struct sink *to, const struct interface *iface)
{
    const struct netif *netif = &iface->netif;
    char text[ADDRESS_TEXT_MAX];
    const char *comma = "";

    if (iface->has_address)
        report_printf(to->emit, to->arg, "\"ipv4\":\"%s/%u\",",
                      ip4addr_ntoa_r(netif_ip4_addr(netif), text, sizeof(text)),
                      interface_prefix_len(iface));
    if (iface->has_address && !ip4_addr_isany(netif_ip4_gw(netif)))
        report_printf(to->emit, to->arg, "\"gateway\":\"%s\",",
                      ip4addr_ntoa_r(netif_ip4_gw(netif), text, sizeof(text)));
    report_printf(to->emit, to->arg, "\"ipv6\":[");
    for (int i = 0; i < LWIP_IPV6_NUM_ADDRESSES; i++) {
        if (!ip6_addr_isvalid(netif_ip6_addr_state(netif, i)))
            continue;
        report_printf(to->emit, to->arg, "%s\"%s\"", comma,
                      address_text(netif_ip_addr6(netif, i), text));
        comma = ",";
    }
    report_printf(to->emit, to->arg, "],");
}

static void json_interface(const struct sink *to, const struct interface *iface)
{
    const u8_t *mac = iface->netif.hwaddr;
    struct netdev_stats stats;

    netdev_stats(iface->dev, &stats);
    report_printf(
        to->emit, to->arg,
        "{\"name\":\"%s\",\"mac\":\"%02x:%02x:%02x:%02x:%02x:%02x\",\"mtu\":%u,\"link\":\"%s\","
        "\"attached\":%s,\"via\":\"%s\",",
        iface->name, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5], iface->netif.mtu,
        netdev_link_up(iface->dev) ? "up" : "down", iface->attached ? "true" : "false",
        source_of(iface));
    json_addresses(to, iface);
    report_printf(to->emit, to->arg,
                  "\"rx_frames\":%llu,\"rx_bytes\":%llu,\"rx_dropped\":%llu,\"rx_errors\":%llu,"
                  "\"tx_frames\":%llu,\"tx_bytes\":%llu,\"tx_dropped\":%llu}",
                  (unsigned long long)stats.rx_frames, (unsigned long long)stats.rx_bytes,
                  (unsigned long long)stats.rx_dropped, (unsigned long long)stats.rx_errors,
                  (unsigned long long)stats.tx_frames, (unsigned long long)stats.tx_bytes,
                  (unsigned long long)stats.tx_dropped);
}

static void report_network(int json, report_emit_t emit, void *arg)
{
    const struct sink to = {.emit = emit, .arg = arg};

    interfaces_hold();
    if (json)
        emit(arg, "[", 1);
    for (unsigned i = 0; i < interface_cnt; i++) {
        if (json && i > 0)
            emit(arg, ",", 1);
        if (json)
            json_interface(&to, interfaces[i]);
        else
            text_interface(&to, interfaces[i]);
    }
    if (json)
        emit(arg, "]", 1);
    else
        text_stack(&to);
    interfaces_release();
}

void net_report_init(void)
{
    system_report_register("network", report_network);
}
