/* The serial console's UART: polled output, interrupt-driven input. */
#ifndef ARCH_UART_H
#define ARCH_UART_H

#include <stddef.h>

/* Programs 115200 8N1. Usable from the very first line of output on. */
void uart_init(void);

/* Writes bytes as they are; waits for room, bounded. Any context. */
void uart_write(const char *data, size_t len);

/* Next received byte, or -1. */
int uart_getc(void);

/* Enables the receive interrupt; @fn runs in interrupt context when bytes wait. 0, -ENODEV,
 * -ENOSPC. */
int uart_enable_rx_irq(void (*fn)(void));

/* What the interrupt does, for one that was lost. With interrupts off, on the CPU that takes them.
 */
void uart_poll(void);

#endif
