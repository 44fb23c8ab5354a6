/*
 * The serial console: line editing, history, commands, run="..." scripts. Commands register
 * themselves in a linker set, so a module brings its own (in a file named *_cmd.c) and the console
 * knows none of them.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stddef.h>

#include "kernel/error.h"

#define CONSOLE_ARG_MAX 16
#define CONSOLE_PROMPT  "vring0> "

struct console_command {
    const char *name;
    const char *usage;   /* "blk sum DEV LBA COUNT" lines separated by \n */
    const char *summary; /* one line */
    /*
     * argv[0] is the name. 0: "@ok cmd=..." follows. Negative errno: "@err cmd=... code=...
     * msg=..." follows, with the text given to console_fail(). Thread context; may block.
     */
    int (*run)(int argc, char **argv);
};

#define CONSOLE_COMMAND(id, ...)                             \
    static const struct console_command console_command_##id \
        __attribute__((used, section(".set.console_commands." #id), aligned(8))) = {__VA_ARGS__}

/* The linker set, sorted by name. */
extern const struct console_command __start_console_commands[], __stop_console_commands[];

/* Notes why the running command fails and returns @err, so that commands read `return
 * console_fail(-ENOENT, ...)`. */
int console_fail(int err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* console_fail(-EINVAL) with the running command's usage. */
int console_usage(void);

/* Parses a decimal or 0x number argument. 0, or console_fail(-EINVAL) naming @what. */
int console_number(const char *text, const char *what, unsigned long long *value);

/* Looks for "key=value" among argv[1..]; NULL when absent. */
const char *console_option(int argc, char **argv, const char *key);

/* True when Ctrl-C was typed since the running command line began; long commands poll it. */
int console_interrupted(void);

/* Calls @fn(@status) instead of the next command, once the running one has had its @ok line. */
void console_stop(void (*fn)(int status), int status);

/*
 * Runs one line (several commands separated by ';'). Status of the first that failed: 0 or negative
 * errno. Thread context; one caller at a time, others wait.
 */
int console_execute(const char *line);

/* As console_execute(), and shows the prompt and each command before it runs. */
int console_execute_shown(const char *line);

/*
 * Starts the console thread: prints @ready, runs run="..." and then exits, or prompts. 0, -ENOMEM.
 * Address 0 when the console is left out of the build: then system_ready() is the caller's to call.
 */
int console_start(void) __attribute__((weak));

#endif
