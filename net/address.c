/* Addresses of interfaces: the boot option ip=, DHCP and what came of it, IPv6 autoconfiguration.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/cpu.h"
#include "kernel/bootopt.h"
#include "kernel/log.h"
#include "kernel/thread.h"
#include "lwip/dhcp.h"
#include "lwip/dns.h"
#include "lwip/tcpip.h"
#include "lwip/timeouts.h"
#include "net/interface.h"
#include "net/private.h"
#include "vring0/system.h"

#define DHCP_PATIENCE_MS 10000u
#define NS_PER_MS        1000000ull

/* ip=: with neither flag, DHCP everywhere. */
static struct {
    bool none;
    bool is_static; /* the first device; the others use DHCP */
    ip4_addr_t ip, netmask, gateway;
} config;

static struct wait_queue address_wait = WAIT_QUEUE_INIT(address_wait);
static netif_ext_callback_t callback;

/* "ADDR/PREFIX[,GATEWAY]" */
static bool parse_static(const char *value)
{
    char text[48];
    char *prefix, *gateway, *end;
    unsigned long bits;

    if (strlen(value) >= sizeof(text))
        return false;
    memcpy(text, value, strlen(value) + 1);
    gateway = strchr(text, ',');
    if (gateway != NULL) {
        *gateway++ = '\0';
        if (!ip4addr_aton(gateway, &config.gateway))
            return false;
    }
    prefix = strchr(text, '/');
    if (prefix == NULL)
        return false;
    *prefix++ = '\0';
    bits = strtoul(prefix, &end, 10);
    if (end == prefix || *end != '\0' || bits < 1 || bits > 32 || !ip4addr_aton(text, &config.ip))
        return false;
    ip4_addr_set_u32(&config.netmask, lwip_htonl(0xffffffffu << (32 - bits)));
    return !ip4_addr_isany_val(config.ip);
}

const char *address_text(const ip_addr_t *ip, char buf[ADDRESS_TEXT_MAX])
{
    ipaddr_ntoa_r(ip, buf, ADDRESS_TEXT_MAX);
    for (char *c = buf; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return buf;
}

static const char *text_or_none(char *buf, size_t size, const ip4_addr_t *ip)
{
    return ip4_addr_isany(ip) ? "none" : ip4addr_ntoa_r(ip, buf, (int)size);
}

static void tell_address(struct interface *iface)
{
    struct netif *netif = &iface->netif;
    const ip_addr_t *dns = dns_getserver(0);
    char ip[16], gateway[16], server[ADDRESS_TEXT_MAX];

    iface->has_address = true;
    ip4addr_ntoa_r(netif_ip4_addr(netif), ip, sizeof(ip));
    at_line("event", "name=%s kind=address ip=%s/%u gateway=%s dns=%s via=%s", iface->name, ip,
            interface_prefix_len(iface),
            text_or_none(gateway, sizeof(gateway), netif_ip4_gw(netif)),
            ip_addr_isany(dns) ? "none" : address_text(dns, server),
            iface->use_dhcp ? "dhcp" : "static");
    wait_queue_wake_all(&address_wait);
}

static void tell_address6(struct interface *iface, const ip_addr_t *ip)
{
    char text[ADDRESS_TEXT_MAX];

    at_line("event", "name=%s kind=address6 ip=%s via=%s", iface->name, address_text(ip, text),
            ip6_addr_islinklocal(ip_2_ip6(ip)) ? "link-local" : "slaac");
    wait_queue_wake_all(&address_wait);
}

/* lwIP reports each change of an interface here, with the core lock held. */
static void interface_changed(struct netif *netif, netif_nsc_reason_t reason,
                              const netif_ext_callback_args_t *args)
{
    struct interface *iface = netif->state;

    if (netif->linkoutput == NULL || iface == NULL || iface->name == NULL) /* the loopback */
        return;
    if ((reason & (LWIP_NSC_IPV4_ADDRESS_CHANGED | LWIP_NSC_IPV4_NETMASK_CHANGED |
                   LWIP_NSC_IPV4_GATEWAY_CHANGED)) != 0) {
        if (!ip4_addr_isany(netif_ip4_addr(netif))) {
            tell_address(iface);
        } else if (iface->has_address) {
            iface->has_address = false;
            at_line("event", "name=%s kind=address ip=none via=%s", iface->name,
                    iface->use_dhcp ? "dhcp" : "static");
        }
    }
    /* An address that was there before counts again, or no longer. */
    if ((reason & LWIP_NSC_LINK_CHANGED) != 0)
        wait_queue_wake_all(&address_wait);
    if ((reason & LWIP_NSC_IPV6_ADDR_STATE_CHANGED) != 0) {
        unsigned index = (u8_t)args->ipv6_addr_state_changed.addr_index;

        if (ip6_addr_ispreferred(netif_ip6_addr_state(netif, index)) &&
            !ip6_addr_ispreferred(args->ipv6_addr_state_changed.old_state))
            tell_address6(iface, netif_ip_addr6(netif, index));
    }
}

/* Says what was tried when there is no lease after a while. */
static void dhcp_check(void *arg)
{
    struct interface *iface = arg;
    const struct dhcp *dhcp = netif_dhcp_data(&iface->netif);
    struct netdev_stats stats;

    if (iface->has_address || dhcp == NULL || !iface->attached)
        return;
    netdev_stats(iface->dev, &stats);
    log_warn("%s: no DHCP lease after %u s: link %s, %u requests sent, %llu frames received; "
             "still trying (ip=ADDR/PREFIX,GATEWAY sets an address by hand)",
             iface->name, DHCP_PATIENCE_MS / 1000, netif_is_link_up(&iface->netif) ? "up" : "down",
             dhcp->tries, (unsigned long long)stats.rx_frames);
}

void address_init(void)
{
    const char *value = bootopt_get("ip");

    LOCK_TCPIP_CORE();
    netif_add_ext_callback(&callback, interface_changed);
    UNLOCK_TCPIP_CORE();
    if (value == NULL || strcmp(value, "dhcp") == 0)
        return;
    if (strcmp(value, "none") == 0)
        config.none = true;
    else if (parse_static(value))
        config.is_static = true;
    else
        log_error("boot option ip=%s: not dhcp, none or ADDR/PREFIX[,GATEWAY]; using dhcp", value);
}

void address_start(struct interface *iface, unsigned index)
{
    struct netif *netif = &iface->netif;

    if (config.none)
        return;
    netif_create_ip6_linklocal_address(netif, 1);
    netif_set_ip6_autoconfig_enabled(netif, 1);
    if (config.is_static && index == 0) {
        netif_set_addr(netif, &config.ip, &config.netmask, &config.gateway);
        return;
    }
    iface->use_dhcp = true;
    if (dhcp_start(netif) != ERR_OK)
        log_error("%s: DHCP not started: out of memory", iface->name);
    sys_timeout(DHCP_PATIENCE_MS, dhcp_check, iface);
}

void address_stop(struct interface *iface)
{
    struct netif *netif = &iface->netif;

    sys_untimeout(dhcp_check, iface);
    if (iface->use_dhcp) {
        dhcp_release_and_stop(netif);
        dhcp_cleanup(netif);
    }
    netif_set_down(netif);
}

/* No lease yet, or, for IPv6, the link-local address not yet known to be nobody else's. */
static bool is_pending(const struct interface *iface, bool v6)
{
    if (!netif_is_link_up(&iface->netif))
        return false;
    return v6 ? ip6_addr_istentative(netif_ip6_addr_state(&iface->netif, 0))
              : iface->use_dhcp && !iface->has_address;
}

static bool any_pending(bool v6)
{
    for (unsigned i = 0; i < interface_cnt; i++) {
        if (is_pending(interfaces[i], v6))
            return true;
    }
    return false;
}

bool address_settle(bool v6, unsigned timeout_ms)
{
    uint64_t deadline = clock_ns() + timeout_ms * NS_PER_MS;

    return any_pending(v6) && WAIT_UNTIL(&address_wait, deadline, !any_pending(v6)) == 0;
}

static bool any_address(void)
{
    for (unsigned i = 0; i < interface_cnt; i++) {
        if (interfaces[i]->has_address && netif_is_link_up(&interfaces[i]->netif))
            return true;
    }
    return false;
}

int system_network_wait(unsigned timeout_ms)
{
    if (interface_cnt == 0 || config.none)
        return -ENODEV;
    return WAIT_UNTIL(&address_wait, clock_ns() + timeout_ms * NS_PER_MS, any_address());
}
