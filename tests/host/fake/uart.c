/* arch/uart.h for host tests. */
#include "arch/uart.h"

#include <errno.h>
#include <string.h>

#include "fake_uart.h"

static char text[1 << 16];
static size_t text_len;

const char *fake_uart_text(void)
{
    return text;
}

void fake_uart_clear(void)
{
    text_len = 0;
    text[0] = '\0';
}

void uart_write(const char *data, size_t len)
{
    if (len > sizeof(text) - 1 - text_len)
        len = sizeof(text) - 1 - text_len;
    memcpy(text + text_len, data, len);
    text_len += len;
    text[text_len] = '\0';
}

int uart_getc(void)
{
    return -1;
}

int uart_enable_rx_irq(void (*fn)(void))
{
    (void)fn;
    return -ENODEV;
}
