/* The console's thread and its keyboard: bytes typed at the UART and at terminals to the line
 * editor, lines to their commands. */
#include "kernel/console.h"

#include <errno.h>
#include <stdbool.h>

#include "arch/clock.h"
#include "arch/spinlock.h"
#include "kernel/bootopt.h"
#include "kernel/console_private.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/ready.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"

#define STACK_LEN (64 * 1024ul)
#define CTRL_C    3
#define POLL_NS   20000000ull

/* Typed ahead; a power of two, so that the counters may wrap. */
#define KEY_MAX 1024u

static char keys[KEY_MAX];
static unsigned key_in, key_out;
static struct spinlock key_lock; /* the keys, and who is asked for them */
static struct wait_queue key_wait = WAIT_QUEUE_INIT(key_wait);
static bool has_irq;
static volatile bool running, interrupted;

/*
 * Takes what was typed, as far as there is room; the rest waits where it was typed. While a command
 * runs, Ctrl-C is for it and drops what was typed ahead. True when keys wait.
 */
static bool take_keys(void)
{
    uint64_t state = spin_lock(&key_lock);
    bool any;

    while (key_in - key_out < KEY_MAX) {
        int key = terminal_getc();

        if (key < 0)
            break;
        if (key == CTRL_C && running) {
            interrupted = true;
            key_out = key_in;
        } else {
            keys[key_in++ % KEY_MAX] = (char)key;
        }
    }
    any = key_in != key_out;
    spin_unlock(&key_lock, state);
    return any;
}

/* Interrupt context. */
static void keys_arrived(void)
{
    take_keys();
    wait_queue_wake_all(&key_wait);
}

static void refresh_due(void)
{
    wait_queue_wake_all(&key_wait);
}

static bool next_taken_key(char *key)
{
    uint64_t state = spin_lock(&key_lock);
    bool any = key_in != key_out;

    if (any)
        *key = keys[key_out++ % KEY_MAX];
    spin_unlock(&key_lock, state);
    return any;
}

/*
 * Waits for the next key and keeps the edited line on the screen meanwhile. The UART is asked as
 * well: it raises no interrupt for what it kept while there was no room.
 */
static char next_key(void)
{
    char key;

    while (!next_taken_key(&key)) {
        uint64_t deadline = has_irq ? WAIT_FOREVER : clock_ns() + POLL_NS;

        edit_refresh();
        terminals_flush();
        WAIT_UNTIL(&key_wait, deadline, take_keys() || edit_refresh_due());
    }
    return key;
}

void console_run_begin(void)
{
    interrupted = false;
    running = true;
}

void console_run_end(void)
{
    running = false;
}

int console_interrupted(void)
{
    if (!has_irq)
        take_keys();
    return interrupted;
}

static void console_thread(void *arg)
{
    const char *script = bootopt_get("run");

    (void)arg;
    if (script != NULL)
        system_exit(-console_execute_shown(script));
    edit_init(refresh_due);
    for (;;) {
        edit_begin();
        while (!edit_key(next_key()))
            continue;
        terminals_flush();
        console_execute(edit_line());
    }
}

int console_start(void)
{
    struct thread *thread;
    int rc = terminal_on_input(keys_arrived);

    has_irq = rc == 0;
    if (!has_irq)
        log_warn("console: no interrupt for typed keys (%s), polling", error_name(rc));
    thread = thread_create("console", console_thread, NULL, STACK_LEN);
    if (thread == NULL)
        return -ENOMEM;
    thread_detach(thread);
    system_ready();
    return 0;
}
