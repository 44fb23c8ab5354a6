/* Commands: help, version. */
#include <errno.h>
#include <string.h>

#include "kernel/console_private.h"
#include "kernel/log.h"
#include "kernel/version.h"

static int help_one(const char *name)
{
    const struct console_command *c = console_find(name);

    if (c == NULL)
        return console_fail(-ENOENT, "no command \"%s\"", name);
    print("%s\n", c->summary);
    for (const char *line = c->usage; *line != '\0';) {
        size_t len = strcspn(line, "\n");

        print("    %.*s\n", (int)len, line);
        line += len + (line[len] != '\0');
    }
    return 0;
}

static int help_run(int argc, char **argv)
{
    const struct console_command *c;

    if (argc > 2)
        return console_usage();
    if (argc == 2)
        return help_one(argv[1]);
    for (c = __start_console_commands; c < __stop_console_commands; c++)
        print("%-10s %s\n", c->name, c->summary);
    print(
        "Several commands on a line are separated by ';'. Tab completes, arrows recall, Ctrl-C stops.\n");
    return 0;
}

CONSOLE_COMMAND(help, .name = "help", .usage = "help\nhelp CMD",
                .summary = "list the commands, or explain one", .run = help_run);

static int version_run(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return console_usage();
    print("vring0 %s, built with %s\n", VRING0_VERSION, __VERSION__);
    return 0;
}

CONSOLE_COMMAND(version, .name = "version", .usage = "version", .summary = "show what this is",
                .run = version_run);
