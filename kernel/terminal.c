/* The register of terminals beside the UART, and the buffers between the log and their drivers. */
#include "kernel/terminal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/clock.h"
#include "arch/smp.h"
#include "arch/spinlock.h"
#include "arch/uart.h"
#include "kernel/log_line.h"

#define TERMINAL_MAX 8
#define RING_LEN     32768u /* a power of two, so that the counters may wrap */
#define RECORD_LEN   16384u
#define WAIT_NS      20000000ull

/* Looked at with interrupts off, so that smp_sync() waits for who looks. */
static struct terminal *terminals[TERMINAL_MAX];
static struct spinlock table_lock;
static void (*input_hook)(void);

/* What was printed from the first line on, for terminals that come later. */
static char record[RECORD_LEN];
static size_t record_len;
static bool record_cut;

static struct terminal *terminal_at(unsigned index)
{
    return __atomic_load_n(&terminals[index], __ATOMIC_ACQUIRE);
}

/* A report from an NMI may cut in, here and below: then bytes are mixed up, no more. */
static void ring_put(struct terminal *terminal, const char *data, size_t len)
{
    uint32_t used = terminal->in - __atomic_load_n(&terminal->out, __ATOMIC_ACQUIRE);
    size_t room = used < RING_LEN ? RING_LEN - used : 0, first;
    uint32_t at = terminal->in % RING_LEN;

    if (len > room) {
        terminal->drop_cnt += len - room;
        len = room;
    }
    first = len < RING_LEN - at ? len : RING_LEN - at;
    memcpy(terminal->ring + at, data, first);
    memcpy(terminal->ring, data + first, len - first);
    __atomic_store_n(&terminal->in, terminal->in + (uint32_t)len, __ATOMIC_RELEASE);
}

void terminals_put(const char *data, size_t len)
{
    size_t at = record_len, room = at < RECORD_LEN ? RECORD_LEN - at : 0;
    size_t part = len < room ? len : room;

    memcpy(record + at, data, part);
    record_len = at + part;
    record_cut |= part < len;
    for (unsigned i = 0; i < TERMINAL_MAX; i++) {
        struct terminal *terminal = terminal_at(i);

        if (terminal != NULL)
            ring_put(terminal, data, len);
    }
}

void terminals_put_last(const char *data, size_t len)
{
    for (unsigned i = 0; i < TERMINAL_MAX; i++) {
        struct terminal *terminal = terminal_at(i);

        if (terminal != NULL && terminal->ops->write_last != NULL)
            terminal->ops->write_last(terminal, data, len);
    }
}

static uint32_t waiting(const struct terminal *terminal)
{
    return __atomic_load_n(&terminal->in, __ATOMIC_ACQUIRE) -
           __atomic_load_n(&terminal->out, __ATOMIC_ACQUIRE);
}

static void drain(struct terminal *terminal)
{
    for (;;) {
        uint32_t at = terminal->out % RING_LEN, cnt = waiting(terminal);
        size_t part = cnt < RING_LEN - at ? cnt : RING_LEN - at;

        part = terminal->ops->write(terminal, terminal->ring + at, part);
        if (part == 0)
            return;
        terminal->stuck = false;
        __atomic_store_n(&terminal->out, terminal->out + (uint32_t)part, __ATOMIC_RELEASE);
    }
}

/* One at a time; who comes meanwhile leaves a note, and the one that flushes looks again. */
void terminal_flush(struct terminal *terminal)
{
    __atomic_store_n(&terminal->more, true, __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&terminal->more, __ATOMIC_SEQ_CST)) {
        if (__atomic_exchange_n(&terminal->flushing, true, __ATOMIC_SEQ_CST))
            return;
        __atomic_store_n(&terminal->more, false, __ATOMIC_SEQ_CST);
        drain(terminal);
        __atomic_store_n(&terminal->flushing, false, __ATOMIC_SEQ_CST);
    }
}

/* A device that keeps up is given the time for it; one that takes nothing is waited for once. */
static void flush_in_time(struct terminal *terminal)
{
    uint64_t deadline = 0;

    terminal_flush(terminal);
    while (waiting(terminal) > RING_LEN / 2 && !terminal->stuck &&
           !__atomic_load_n(&terminal->flushing, __ATOMIC_SEQ_CST)) {
        uint64_t now = clock_ns();

        if (deadline == 0)
            deadline = now + WAIT_NS;
        terminal->stuck = now >= deadline;
        cpu_relax();
        terminal_flush(terminal);
    }
}

void terminals_flush(void)
{
    uint64_t irq = cpu_irq_save();

    for (unsigned i = 0; i < TERMINAL_MAX; i++) {
        struct terminal *terminal = terminal_at(i);

        if (terminal != NULL)
            flush_in_time(terminal);
    }
    cpu_irq_restore(irq);
}

bool terminal_idle(const struct terminal *terminal)
{
    return waiting(terminal) == 0;
}

static bool put_into_table(struct terminal *terminal)
{
    uint64_t irq = spin_lock(&table_lock);
    unsigned i = 0;

    while (i < TERMINAL_MAX && terminals[i] != NULL)
        i++;
    if (i < TERMINAL_MAX)
        __atomic_store_n(&terminals[i], terminal, __ATOMIC_RELEASE);
    spin_unlock(&table_lock, irq);
    return i < TERMINAL_MAX;
}

int terminal_register(struct terminal *terminal)
{
    uint64_t line;
    bool done;

    if (terminal->ring == NULL)
        terminal->ring = malloc(RING_LEN);
    if (terminal->ring == NULL)
        return -ENOMEM;
    /* Its driver may flush what was left of the last time. */
    while (__atomic_exchange_n(&terminal->flushing, true, __ATOMIC_SEQ_CST))
        cpu_relax();
    /* Nothing is printed between the record and the first byte that the table brings. */
    line = log_line_lock();
    terminal->in = terminal->out = 0;
    terminal->stuck = false;
    if (!record_cut)
        ring_put(terminal, record, record_len);
    done = put_into_table(terminal);
    log_line_unlock(line);
    __atomic_store_n(&terminal->flushing, false, __ATOMIC_SEQ_CST);
    if (!done)
        return -ENOSPC;
    terminal_flush(terminal);
    terminal_typed();
    return 0;
}

void terminal_unregister(struct terminal *terminal)
{
    uint64_t irq = spin_lock(&table_lock);

    for (unsigned i = 0; i < TERMINAL_MAX; i++) {
        if (terminals[i] == terminal)
            __atomic_store_n(&terminals[i], NULL, __ATOMIC_RELEASE);
    }
    spin_unlock(&table_lock, irq);
    smp_sync(~(cpu_mask_t)0);
}

void terminal_release(struct terminal *terminal)
{
    free(terminal->ring);
    terminal->ring = NULL;
}

void terminal_typed(void)
{
    void (*hook)(void) = __atomic_load_n(&input_hook, __ATOMIC_ACQUIRE);

    if (hook != NULL)
        hook();
}

int terminal_on_input(void (*fn)(void))
{
    __atomic_store_n(&input_hook, fn, __ATOMIC_RELEASE);
    return uart_enable_rx_irq(fn);
}

int terminal_getc(void)
{
    int key = uart_getc();

    for (unsigned i = 0; i < TERMINAL_MAX && key < 0; i++) {
        struct terminal *terminal = terminal_at(i);

        if (terminal != NULL)
            key = terminal->ops->getc(terminal);
    }
    return key;
}
