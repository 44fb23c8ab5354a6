/* The 16550 UART of the first serial port: polled output, interrupt-driven input. */
#include "arch/uart.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/cpu.h"
#include "arch/intr.h"
#include "arch/io.h"
#include "arch/x86_64/uart_private.h"

#define UART_BASE    0x3f8
#define UART_ISA_IRQ 4

#define UART_DATA (UART_BASE + 0)
#define UART_DLL  (UART_BASE + 0) /* with LCR.DLAB */
#define UART_DLM  (UART_BASE + 1)
#define UART_IER  (UART_BASE + 1)
#define UART_FCR  (UART_BASE + 2)
#define UART_LCR  (UART_BASE + 3)
#define UART_MCR  (UART_BASE + 4)
#define UART_LSR  (UART_BASE + 5)
#define UART_SCR  (UART_BASE + 7)

#define UART_IER_RDI     0x01
#define UART_FCR_ENABLE  0x07 /* and clear both FIFOs; interrupt from the first byte on */
#define UART_LCR_8N1     0x03
#define UART_LCR_DLAB    0x80
#define UART_MCR_OUTPUTS 0x0b /* DTR, RTS, and OUT2, which gates the interrupt */
#define UART_LSR_DR      0x01
#define UART_LSR_THRE    0x20
#define UART_LSR_TEMT    0x40
#define UART_DIVISOR     1 /* 115200 */
#define UART_FIFO_LEN    16
#define UART_SCR_PATTERN 0x5a
#define UART_POLL_MAX    500000
#define UART_DRAIN_MAX   256 /* bytes taken in one interrupt */

static bool present;
static bool stuck; /* nobody takes the output: do not wait for it again before it moves */
static void (*received)(void);

void uart_init(void)
{
    io_out8(UART_SCR, UART_SCR_PATTERN);
    present = io_in8(UART_SCR) == UART_SCR_PATTERN;
    if (!present)
        return;
    io_out8(UART_IER, 0);
    io_out8(UART_LCR, UART_LCR_DLAB);
    io_out8(UART_DLL, UART_DIVISOR & 0xff);
    io_out8(UART_DLM, UART_DIVISOR >> 8);
    io_out8(UART_LCR, UART_LCR_8N1);
    io_out8(UART_FCR, UART_FCR_ENABLE);
    io_out8(UART_MCR, UART_MCR_OUTPUTS);
}

static bool wait_line_status(uint8_t bit)
{
    unsigned tries = stuck ? 1 : UART_POLL_MAX;

    while (tries-- > 0) {
        if (io_in8(UART_LSR) & bit) {
            stuck = false;
            return true;
        }
        cpu_relax();
    }
    stuck = true;
    return false;
}

void uart_write(const char *data, size_t len)
{
    while (present && len > 0) {
        size_t part = len < UART_FIFO_LEN ? len : UART_FIFO_LEN;

        if (!wait_line_status(UART_LSR_THRE))
            return;
        len -= part;
        while (part-- > 0)
            io_out8(UART_DATA, (uint8_t)*data++);
    }
}

void uart_flush(void)
{
    if (present)
        wait_line_status(UART_LSR_TEMT);
}

int uart_getc(void)
{
    if (!present || !(io_in8(UART_LSR) & UART_LSR_DR))
        return -1;
    return io_in8(UART_DATA);
}

/* The interrupt is an edge: it comes again only when all bytes have been taken. */
static void uart_interrupt(void *arg)
{
    (void)arg;
    for (unsigned i = 0; i < UART_DRAIN_MAX && (io_in8(UART_LSR) & UART_LSR_DR); i++)
        received();
}

void uart_poll(void)
{
    if (received != NULL)
        uart_interrupt(NULL);
}

int uart_enable_rx_irq(void (*fn)(void))
{
    enum intr_trigger trigger;
    unsigned gsi = intr_isa_gsi(UART_ISA_IRQ, &trigger);
    int vector, rc;

    if (!present)
        return -ENODEV;
    vector = intr_vector_alloc(0, uart_interrupt, NULL);
    if (vector < 0)
        return vector;
    rc = intr_gsi_route(gsi, 0, (unsigned)vector, trigger);
    if (rc < 0) {
        intr_vector_free(0, (unsigned)vector);
        return rc;
    }
    received = fn;
    intr_gsi_unmask(gsi);
    io_out8(UART_IER, UART_IER_RDI);
    return 0;
}
