/* <netdb.h> and <net/if.h> by their POSIX names; lwIP has most of it under others. */
#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "net/interface.h"

struct hostent *gethostbyname(const char *name)
{
    return lwip_gethostbyname(name);
}

/* "fe80::1%net0": a link-local address on a named interface. Cuts the name off; its number, 0 when
 * there is none. */
static int cut_zone(char *node, unsigned *zone)
{
    char *mark = strchr(node, '%');

    *zone = 0;
    if (mark == NULL)
        return 0;
    *mark = '\0';
    *zone = if_nametoindex(mark + 1);
    return *zone != 0 ? 0 : EAI_NONAME;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    char name[DNS_MAX_NAME_LENGTH];
    unsigned zone;
    int rc;

    if (node == NULL)
        return lwip_getaddrinfo(NULL, service, hints, result);
    if (strlen(node) >= sizeof(name))
        return EAI_NONAME;
    memcpy(name, node, strlen(node) + 1);
    rc = cut_zone(name, &zone);
    if (rc == 0)
        rc = lwip_getaddrinfo(name, service, hints, result);
    if (rc == 0 && zone != 0 && (*result)->ai_family == AF_INET6)
        ((struct sockaddr_in6 *)(*result)->ai_addr)->sin6_scope_id = zone;
    return rc;
}

void freeaddrinfo(struct addrinfo *info)
{
    lwip_freeaddrinfo(info);
}

const char *gai_strerror(int err)
{
    static const struct {
        int err;
        const char *text;
    } errors[] = {
        {0, "Success"},
        {EAI_NONAME, "Name not known"},
        {EAI_SERVICE, "Service not a port number"},
        {EAI_FAIL, "Name lookup failed"},
        {EAI_MEMORY, "Out of memory"},
        {EAI_FAMILY, "Address family not supported"},
        {EAI_OVERFLOW, "Buffer too small"},
    };

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        if (errors[i].err == err)
            return errors[i].text;
    }
    return "Unknown error";
}

/* IPv6 addresses are written in lower case (RFC 5952); lwIP does not. */
static void lower_case(char *text)
{
    for (; *text != '\0'; text++)
        *text = (char)tolower((unsigned char)*text);
}

int getnameinfo(const struct sockaddr *addr, socklen_t addr_len, char *host, socklen_t host_len,
                char *service, socklen_t service_len, int flags)
{
    const struct sockaddr_in *in = (const void *)addr;
    const struct sockaddr_in6 *in6 = (const void *)addr;
    const void *ip;
    unsigned port;

    if ((flags & NI_NAMEREQD) != 0)
        return EAI_NONAME;
    if (addr->sa_family == AF_INET && addr_len >= sizeof(*in)) {
        ip = &in->sin_addr;
        port = ntohs(in->sin_port);
    } else if (addr->sa_family == AF_INET6 && addr_len >= sizeof(*in6)) {
        ip = &in6->sin6_addr;
        port = ntohs(in6->sin6_port);
    } else {
        return EAI_FAMILY;
    }
    if (host_len > 0) {
        if (inet_ntop(addr->sa_family, ip, host, host_len) == NULL)
            return EAI_OVERFLOW;
        lower_case(host);
    }
    if (service_len > 0 && snprintf(service, service_len, "%u", port) >= (int)service_len)
        return EAI_OVERFLOW;
    return 0;
}

unsigned if_nametoindex(const char *name)
{
    const struct interface *iface = interface_find(name);

    return iface != NULL ? netif_get_index(&iface->netif) : 0;
}

char *if_indextoname(unsigned index, char *name)
{
    for (unsigned i = 0; i < interface_cnt; i++) {
        if (netif_get_index(&interfaces[i]->netif) == index)
            return strcpy(name, interfaces[i]->name); /* NOLINT: IF_NAMESIZE is longer */
    }
    errno = ENXIO;
    return NULL;
}
