/*
 * The IP stack over the network devices: lwIP with one interface a device, BSD sockets on top
 * (include/posix). lwIP's own calls need its core lock: LOCK_TCPIP_CORE() ... UNLOCK_TCPIP_CORE()
 * of lwip/tcpip.h.
 */
#ifndef NET_NET_H
#define NET_NET_H

#include <stdint.h>

/*
 * Starts the stack on every network device and configures addresses as the boot option ip= says;
 * does not wait for them. Called once, when the drivers have found their devices. 0, -ENOMEM.
 */
int net_init(void);

/* The stack gives the device @name up, so that someone else may netdev_open() it. 0, -ENOENT,
 * -EALREADY. */
int net_detach(const char *name);

/* The stack takes it back. 0, -ENOENT, -EALREADY, -EBUSY while another user has the device. */
int net_attach(const char *name);

#endif
