/* The C library's hold on the kernel: newlib's hooks, and the start and end of the appliance. */
#ifndef LIBC_LIBC_H
#define LIBC_LIBC_H

#include <stdbool.h>

/* Gives every thread its own newlib state. Called once, right after thread_init(). */
void libc_init(void);

/*
 * Starts main() in a thread of its own, "app", with the words of the boot command line that are not
 * key=value as its arguments. When it ends, the machine stops with its status if no console is
 * linked in; else the console goes on and a line tells the status. 0, -ENOMEM.
 */
int app_start(void);

/* True when a console is linked in; standard input is then the console's. */
bool libc_has_console(void);

#endif
