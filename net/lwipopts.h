/* lwIP's configuration: threads and sockets, IPv4 and IPv6, fixed pools that leave room on a 16 MiB
 * machine. */
#ifndef NET_LWIPOPTS_H
#define NET_LWIPOPTS_H

/* ---- system ---- */
#define NO_SYS                        0
#define LWIP_TIMERS                   1
/* Threads of any CPU call lwIP, interrupt handlers do not. Long work has the core lock, short
 * sections (counters, lists of free memory) a spinlock. */
#define SYS_LIGHTWEIGHT_PROT          1
#define LWIP_TCPIP_CORE_LOCKING       1
#define LWIP_TCPIP_CORE_LOCKING_INPUT 1
#define TCPIP_THREAD_NAME             "tcpip"
#define TCPIP_THREAD_STACKSIZE        (16 * 1024)
#define TCPIP_MBOX_SIZE               64
/* One thread may read a socket while another writes or closes it. */
#define LWIP_NETCONN_SEM_PER_THREAD   1
#define LWIP_NETCONN_FULLDUPLEX       1

/* ---- memory ---- */
#define MEM_ALIGNMENT 16
/* What has no pool of its own comes from net/memory.c, under whichever name this version of lwIP
 * asks by. */
#if __has_include("lwip/acd.h")
#define MEM_CUSTOM_ALLOCATOR 1
#define MEM_CUSTOM_MALLOC    net_malloc
#define MEM_CUSTOM_CALLOC    net_calloc
#define MEM_CUSTOM_FREE      net_free
#else
#define MEM_LIBC_MALLOC 1
#define mem_clib_malloc net_malloc
#define mem_clib_calloc net_calloc
#define mem_clib_free   net_free
#endif
#define MEMP_MEM_MALLOC                0
#define INTERFACE_MAX                  16  /* network cards that the stack serves */
#define MEMP_NUM_NETCONN               192 /* sockets; FILE_SLOTS more must stay below FD_SETSIZE */
#define MEMP_NUM_TCP_PCB               192 /* connections; those in TIME_WAIT make room for new ones */
#define MEMP_NUM_TCP_PCB_LISTEN        32
#define MEMP_NUM_UDP_PCB               64
#define MEMP_NUM_RAW_PCB               8
#define MEMP_NUM_TCP_SEG               1024
#define MEMP_NUM_NETBUF                256 /* datagrams waiting in sockets */
#define MEMP_NUM_PBUF                  256
#define MEMP_NUM_REASSDATA             8
#define IP_REASS_MAX_PBUFS             64
#define MEMP_NUM_FRAG_PBUF             64
#define MEMP_NUM_ARP_QUEUE             32
#define MEMP_NUM_ND6_QUEUE             32
#define MEMP_NUM_TCPIP_MSG_API         16
#define MEMP_NUM_TCPIP_MSG_INPKT       16
#define MEMP_NUM_SYS_TIMEOUT           (LWIP_NUM_SYS_TIMEOUT_INTERNAL + INTERFACE_MAX)
#define MEMP_NUM_NETDB                 8
#define MEMP_NUM_IGMP_GROUP            (2 * INTERFACE_MAX) /* one each is the stack's own */
#define MEMP_NUM_MLD6_GROUP            (4 * INTERFACE_MAX) /* and here one for each address */
/* Received frames stay in the devices' buffers (net/netif_vring.c); this pool serves copies made
 * within lwIP. */
#define PBUF_POOL_SIZE                 16
#define LWIP_SUPPORT_CUSTOM_PBUF       1
#define LWIP_DISABLE_TCP_SANITY_CHECKS 1 /* they relate TCP_WND to that pool */

/* ---- link ---- */
#define LWIP_ETHERNET                      1
#define LWIP_ARP                           1
#define ETHARP_SUPPORT_STATIC_ENTRIES      0
#define ARP_TABLE_SIZE                     32
#define ARP_QUEUEING                       1
#define ETH_PAD_SIZE                       0
#define LWIP_CHECKSUM_CTRL_PER_NETIF       1
#define LWIP_CHKSUM                        net_checksum
#define LWIP_NETIF_EXT_STATUS_CALLBACK     1
#define LWIP_NETIF_HOSTNAME                1
#define LWIP_NETIF_API                     0
#define LWIP_HAVE_LOOPIF                   1
#define LWIP_NETIF_LOOPBACK                1
#define LWIP_LOOPBACK_MAX_PBUFS            64
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 1

/* ---- IP ---- */
#define LWIP_IPV4                      1
#define LWIP_IPV6                      1
#define LWIP_ICMP                      1
#define LWIP_IGMP                      1
#define LWIP_IPV6_MLD                  1
#define LWIP_IPV6_AUTOCONFIG           1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 2
#define IP_REASSEMBLY                  1
#define IPV6_FRAG_COPYHEADER           1 /* with 64-bit pointers, its bookkeeping outgrows the header */
#define IP_FRAG                        1
#define LWIP_DHCP                      1
#define LWIP_DHCP_GET_NTP_SRV          0
/* Probing the offered address would hold it back for seconds; the server has the last word. */
#define LWIP_DHCP_DOES_ACD_CHECK       0
#define DHCP_DOES_ARP_CHECK            0
#define LWIP_DNS                       1
#define DNS_MAX_SERVERS                3
#define LWIP_DNS_SUPPORT_MDNS_QUERIES  0

/* ---- transport ---- */
#define LWIP_RAW                                                       1
#define LWIP_UDP                                                       1
#define LWIP_TCP                                                       1
#define TCP_MSS                                                        1460
#define TCP_WND                                                        (44 * TCP_MSS)
#define TCP_SND_BUF                                                    (44 * TCP_MSS)
#define TCP_SND_QUEUELEN                                               (4 * TCP_SND_BUF / TCP_MSS)
#define TCP_QUEUE_OOSEQ                                                1
#define TCP_OOSEQ_MAX_BYTES                                            TCP_WND
#define TCP_OOSEQ_MAX_PBUFS                                            64
#define LWIP_TCP_SACK_OUT                                              1
#define TCP_LISTEN_BACKLOG                                             1
#define TCP_DEFAULT_LISTEN_BACKLOG                                     128
#define LWIP_TCP_KEEPALIVE                                             1
#define LWIP_HOOK_TCP_ISN                                              net_tcp_isn
#define LWIP_HOOK_TCP_INPACKET_PCB(pcb, hdr, optlen, opt1len, opt2, p) net_tcp_input(pcb, hdr, p)
#define LWIP_HOOK_FILENAME                                             "net/hooks.h"

/* ---- sockets ---- */
#define LWIP_NETCONN        1
#define LWIP_SOCKET         1
#define LWIP_SOCKET_OFFSET  16 /* FILE_SLOTS of libc/file.h */
#define LWIP_COMPAT_SOCKETS 2  /* real functions by their POSIX names ... */
#define LWIP_POSIX_SOCKETS_IO_NAMES \
    0 /* ... but for read, write, close, fcntl, ioctl: libc/file.c has those */
#define LWIP_SOCKET_SELECT        1
#define LWIP_SOCKET_POLL          1
#define LWIP_SO_RCVTIMEO          1
#define LWIP_SO_SNDTIMEO          1
#define LWIP_SO_RCVBUF            1
#define LWIP_SO_LINGER            1
#define SO_REUSE                  1
#define LWIP_TIMEVAL_PRIVATE      0
#define DEFAULT_TCP_RECVMBOX_SIZE 64
#define DEFAULT_UDP_RECVMBOX_SIZE 64
#define DEFAULT_RAW_RECVMBOX_SIZE 16
#define DEFAULT_ACCEPTMBOX_SIZE   128
#define LWIP_NETDB                1

#define LWIP_STATS 0

#endif
