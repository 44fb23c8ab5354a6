/* Makes up for lost interrupts of the serial console's UART. */
#ifndef KERNEL_UART_WATCH_H
#define KERNEL_UART_WATCH_H

/* From now on, on the CPU that takes the UART's interrupts, which must be the caller's. Once. */
void uart_watch_start(void);

#endif
