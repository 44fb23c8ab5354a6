/* What an appliance may ask of the system beyond POSIX files and sockets. */
#ifndef VRING0_SYSTEM_H
#define VRING0_SYSTEM_H

#include <stddef.h>
#include <stdint.h>

/* Nanoseconds since the kernel's first instruction. */
uint64_t system_uptime_ns(void);

/* Sleeps the calling thread. */
void system_sleep_ms(unsigned ms);

/* A detached thread of the appliance, on the first CPU as all of them. 0, -ENOMEM. */
int system_thread(const char *name, void (*fn)(void *), void *arg);
void system_yield(void);

/* Blocks until the network interface has an address (lease or static). 0, -ETIMEDOUT, -ENODEV. */
int system_network_wait(unsigned timeout_ms);

/*
 * Reports, as text tables and as JSON, what the machine looks like now. @emit gets the text in
 * pieces.
 * @what: "devices", "interrupts", "memory", "threads", "network".
 * 0, -ENOENT.
 */
int system_report(const char *what, int json, void (*emit)(void *arg, const char *text, size_t len),
                  void *arg);

/* Version of vring0, e.g. "0.1.0". */
const char *system_version(void);

#endif
