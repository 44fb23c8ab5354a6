/* <netdb.h> by its POSIX names; lwIP has most of it under others. */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

struct hostent *gethostbyname(const char *name)
{
    return lwip_gethostbyname(name);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **result)
{
    return lwip_getaddrinfo(node, service, hints, result);
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
    if (host_len > 0 && inet_ntop(addr->sa_family, ip, host, host_len) == NULL)
        return EAI_OVERFLOW;
    if (service_len > 0 && snprintf(service, service_len, "%u", port) >= (int)service_len)
        return EAI_OVERFLOW;
    return 0;
}
