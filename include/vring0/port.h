/*
 * Ports: byte streams to the host by name, as a guest agent uses them (QEMU's virtserialport). The
 * host gives a port a label; a program opens it, reads and writes. The same as files: "/dev/vport/"
 * and the label or name, with open(), read(), write(), close().
 *
 * One opener at a time. Everything here is for threads, on any CPU, one reader and one writer at a
 * time for each port. Ports come and go while the machine runs; a struct port stays valid.
 */
#ifndef VRING0_PORT_H
#define VRING0_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PORT_NAME_MAX     24
#define PORT_LABEL_MAX    64 /* with its NUL; a longer one is cut */
#define PORT_WAIT_FOREVER UINT64_MAX

struct port;

struct port_info {
    char name[PORT_NAME_MAX];   /* "console0.1": device and number of the port */
    char label[PORT_LABEL_MAX]; /* as the host calls it; empty when it does not */
    bool is_console;            /* shows the console; not to be opened */
    bool host_open;             /* somebody is at the other end */
    bool opened;                /* by a program here */
    bool stale;                 /* what was opened has been removed: to be closed */
    uint16_t cols, rows;        /* of a console; 0 when the device does not tell */
    uint64_t rx_bytes, tx_bytes;
    uint64_t drop_bytes; /* printed and not taken in time, or with nobody at the other end */
};

/* The port of that name or label that is there now; NULL. Of several with one label the first. */
struct port *port_find(const char *name);

/* The ports that are there now, one an index; NULL past the last one. */
struct port *port_get(unsigned index);

void port_info(struct port *port, struct port_info *info);

/* 0, -EBUSY opened already or a console, -ENODEV the port is gone. The host sees it as open. */
int port_open(struct port *port);
void port_close(struct port *port);

/*
 * Bytes read, at least 1 unless @len is 0; waits for the first up to @timeout_ns. 0: the host's end
 * is closed and all it had sent has been read. -EAGAIN nothing in time, -ENODEV the port is gone.
 */
int64_t port_read(struct port *port, void *data, size_t len, uint64_t timeout_ns);

/*
 * Bytes written: @len, or fewer when the time ends or the other end does. Waits up to @timeout_ns
 * for the device to take them. -EAGAIN nothing in time, -EPIPE nobody is at the other end, -ENODEV
 * the port is gone.
 */
int64_t port_write(struct port *port, const void *data, size_t len, uint64_t timeout_ns);

#endif
