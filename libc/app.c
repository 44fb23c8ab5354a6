/* Start and end of the appliance: main() and its arguments, exit status. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/bootopt.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "libc/libc.h"

#define APP_STACK_LEN (64 * 1024ul)
#define APP_ARG_MAX   32

#pragma weak console_start
int main(int argc, char **argv);

/* Constructors, where the linker script collects them. */
extern void (*const __init_array_start[])(void) __attribute__((weak));
extern void (*const __init_array_end[])(void) __attribute__((weak));

/* The link names the appliance: tools/mksyms. */
extern const char app_name[];

static char *app_argv[APP_ARG_MAX + 1];
static int app_argc;
static char *app_line; /* what the words of app_argv stand in */

bool libc_has_console(void)
{
    return console_start != NULL;
}

/*
 * Cuts the next word off *@rest, without its quotes: they group, and a backslash inside them takes
 * the next character as it is, as in kernel/bootopt.c. NULL at the end.
 */
static char *next_word(char **rest)
{
    char *from = *rest + strspn(*rest, " \t\r\n");
    char *word = from, *to = from;
    bool quoted = false;

    if (*from == '\0')
        return NULL;
    for (; *from != '\0' && (quoted || strchr(" \t\r\n", *from) == NULL); from++) {
        if (*from == '"') {
            quoted = !quoted;
            continue;
        }
        if (quoted && *from == '\\' && from[1] != '\0')
            from++;
        *to++ = *from;
    }
    *rest = *from != '\0' ? from + 1 : from;
    *to = '\0';
    return word;
}

static int make_args(void)
{
    char *name = strdup(app_name);
    char *rest, *word;

    app_line = strdup(bootopt_line());
    if (name == NULL || app_line == NULL)
        goto fail;
    rest = app_line;
    app_argv[app_argc++] = name;
    while (app_argc < APP_ARG_MAX && (word = next_word(&rest)) != NULL) {
        if (strchr(word, '=') == NULL)
            app_argv[app_argc++] = word;
    }
    return 0;

fail:
    free(app_line);
    free(name);
    return -ENOMEM;
}

static void app_thread(void *arg)
{
    (void)arg;
    for (void (*const *fn)(void) = __init_array_start; fn < __init_array_end; fn++)
        (*fn)();
    exit(main(app_argc, app_argv));
}

int app_start(void)
{
    int rc = make_args();
    struct thread *thread;

    if (rc != 0)
        return rc;
    thread = thread_create("app", app_thread, NULL, APP_STACK_LEN);
    if (thread == NULL)
        return -ENOMEM;
    thread_detach(thread);
    return 0;
}

void _exit(int status)
{
    if (!libc_has_console())
        system_exit(status);
    log_info("application ended with status %d", status);
    thread_exit();
}
