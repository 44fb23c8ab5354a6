/* The parts of net/ that net_init() starts. */
#ifndef NET_PRIVATE_H
#define NET_PRIVATE_H

/* sockets.c: makes sockets work as file descriptors. */
void net_sockets_init(void);

/* report.c: registers the report "network". */
void net_report_init(void);

#endif
