/* The UART of host tests: keeps what is written. Link tests/host/fake/uart.c. */
#ifndef FAKE_UART_H
#define FAKE_UART_H

/* All bytes written since the last clear. */
const char *fake_uart_text(void);
void fake_uart_clear(void);

#endif
