/* Running command lines: splitting them, finding commands, the @ok and @err lines, and helpers for
 * commands. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/console_private.h"
#include "kernel/format.h"
#include "kernel/log.h"
#include "kernel/mutex.h"

#define SHOWN_MAX 400 /* of a command's text in its @ok line */

static struct mutex execute_lock = {.waiters = WAIT_QUEUE_INIT(execute_lock.waiters)};
static const struct console_command *current;
static char failure[256];
static void (*stop_fn)(int status);
static int stop_status;

int console_fail(int err, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    format_v(failure, sizeof(failure), fmt, args);
    va_end(args);
    return err;
}

int console_usage(void)
{
    size_t len = strcspn(current->usage, "\n");

    return console_fail(-EINVAL, "usage: %.*s%s", (int)len, current->usage,
                        current->usage[len] != '\0' ? " (and more, see help)" : "");
}

int console_number(const char *text, const char *what, unsigned long long *value)
{
    char *end;

    errno = 0;
    *value = strtoull(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0)
        return console_fail(-EINVAL, "%s: \"%s\" is not a number", what, text);
    return 0;
}

const char *console_option(int argc, char **argv, const char *key)
{
    size_t len = strlen(key);

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], key, len) == 0 && argv[i][len] == '=')
            return argv[i] + len + 1;
    }
    return NULL;
}

void console_stop(void (*fn)(int status), int status)
{
    stop_fn = fn;
    stop_status = status;
}

const struct console_command *console_find(const char *name)
{
    const struct console_command *c;

    for (c = __start_console_commands; c < __stop_console_commands; c++) {
        if (strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

/* Cuts @text into words in place; quotes group, a backslash inside them takes the next character as
 * it is. */
static int cut_words(char *text, char **argv)
{
    int argc = 0;

    for (;;) {
        bool quoted = false;
        char *to;

        text += strspn(text, " \t");
        if (*text == '\0')
            return argc;
        if (argc == CONSOLE_ARG_MAX)
            return console_fail(-E2BIG, "more than %d words", CONSOLE_ARG_MAX);
        argv[argc++] = to = text;
        for (; *text != '\0' && (quoted || (*text != ' ' && *text != '\t')); text++) {
            if (*text == '"') {
                quoted = !quoted;
                continue;
            }
            if (quoted && *text == '\\' && text[1] != '\0')
                text++;
            *to++ = *text;
        }
        if (quoted)
            return console_fail(-EINVAL, "the quote is not closed");
        if (*text != '\0')
            text++;
        *to = '\0';
    }
}

static int run_words(char *words)
{
    char *argv[CONSOLE_ARG_MAX + 1] = {NULL};
    const struct console_command *outer = current, *command;
    int argc = cut_words(words, argv), rc;

    if (argc < 0)
        return argc;
    command = argc > 0 ? console_find(argv[0]) : NULL;
    if (command == NULL)
        return console_fail(-ENOENT, "unknown command, try help");
    current = command;
    rc = command->run(argc, argv);
    current = outer;
    return rc;
}

static void print_result(const char *text, int rc)
{
    char cmd[SHOWN_MAX], message[sizeof(failure) + 32];

    at_quote(cmd, sizeof(cmd), text);
    if (rc == 0)
        at_line("ok", "cmd=%s", cmd);
    else
        at_line("err", "cmd=%s code=%s msg=\"%s\"", cmd, error_name(rc),
                at_escape(message, sizeof(message), failure[0] != '\0' ? failure : strerror(-rc)));
}

/* @text: one command without surrounding spaces. */
static int run_command(const char *text)
{
    char *words = strdup(text);
    int rc = -ENOMEM;

    failure[0] = '\0';
    if (words != NULL)
        rc = run_words(words);
    free(words);
    print_result(text, rc);
    if (stop_fn != NULL)
        stop_fn(stop_status);
    return rc;
}

/* Length of the first command of @line, up to a ';' outside quotes. */
static size_t command_len(const char *line)
{
    bool quoted = false;
    size_t i;

    for (i = 0; line[i] != '\0' && (quoted || line[i] != ';'); i++) {
        if (line[i] == '"')
            quoted = !quoted;
        else if (quoted && line[i] == '\\' && line[i + 1] != '\0')
            i++;
    }
    return i;
}

static int execute_one(const char *line, size_t len, bool shown)
{
    char *text;
    int rc;

    while (len > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        len--;
    }
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\t'))
        len--;
    if (len == 0)
        return 0;
    text = strndup(line, len);
    if (text == NULL)
        return -ENOMEM;
    if (shown)
        print(CONSOLE_PROMPT "%s\n", text);
    rc = run_command(text);
    free(text);
    return rc;
}

static int execute(const char *line, bool shown)
{
    bool outermost;
    int status = 0;

    mutex_lock(&execute_lock);
    outermost = current == NULL;
    if (outermost)
        console_run_begin();
    for (;;) {
        size_t len = command_len(line);
        int rc = execute_one(line, len, shown);

        if (status == 0)
            status = rc;
        if (line[len] == '\0')
            break;
        line += len + 1;
    }
    if (outermost)
        console_run_end();
    mutex_unlock(&execute_lock);
    return status;
}

int console_execute(const char *line)
{
    return execute(line, false);
}

int console_execute_shown(const char *line)
{
    return execute(line, true);
}
