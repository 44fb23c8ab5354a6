/* What power-off needs of the UART. Private to arch/x86_64. */
#ifndef ARCH_X86_64_UART_PRIVATE_H
#define ARCH_X86_64_UART_PRIVATE_H

/* Waits, bounded, until the last byte has left. */
void uart_flush(void);

#endif
