/* Standard streams: output to the console; input from it a line at a time when no console is
 * linked in. */
#include <errno.h>
#include <string.h>

#include "kernel/log.h"
#include "kernel/terminal.h"
#include "kernel/thread.h"
#include "libc/file.h"
#include "libc/libc.h"

#define KEY_CTRL_D    4
#define KEY_BACKSPACE 8
#define KEY_DELETE    127

static struct wait_queue input_wait = WAIT_QUEUE_INIT(input_wait);

/* The line being typed; [line_pos, line_len) has been completed but not read yet. */
static char line[256];
static size_t line_len, line_pos;
static bool input_open;

static void input_arrived(void)
{
    wait_queue_wake_all(&input_wait);
}

static int wait_key(void)
{
    int key;

    WAIT_UNTIL(&input_wait, WAIT_FOREVER, (key = terminal_getc()) >= 0);
    return key;
}

/* Reads up to and with a newline; an empty line means end of file (Ctrl-D). */
static void read_line(void)
{
    line_len = line_pos = 0;
    for (;;) {
        int key = wait_key();

        if (key == KEY_CTRL_D && line_len == 0)
            return;
        if (key == '\r' || key == '\n') {
            print_text("\n", 1);
            line[line_len++] = '\n';
            return;
        }
        if ((key == KEY_BACKSPACE || key == KEY_DELETE) && line_len > 0) {
            print_text("\b \b", 3);
            line_len--;
        } else if (key >= ' ' && key != KEY_DELETE && line_len < sizeof(line) - 1) {
            line[line_len++] = (char)key;
            print_text(&line[line_len - 1], 1);
        }
    }
}

static ssize_t console_read(struct file *file, void *data, size_t len, off_t pos)
{
    (void)file;
    (void)pos;
    if (libc_has_console() || len == 0)
        return 0;
    if (!input_open) {
        int rc = terminal_on_input(input_arrived);

        if (rc != 0)
            return rc;
        input_open = true;
    }
    if (line_pos == line_len)
        read_line();
    if (len > line_len - line_pos)
        len = line_len - line_pos;
    memcpy(data, line + line_pos, len);
    line_pos += len;
    return (ssize_t)len;
}

static ssize_t console_write(struct file *file, const void *data, size_t len, off_t pos)
{
    (void)file;
    (void)pos;
    print_text(data, len);
    return (ssize_t)len;
}

const struct file_ops console_file_ops = {
    .read = console_read,
    .write = console_write,
    .mode = S_IFCHR | 0620,
};
