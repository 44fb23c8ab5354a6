/* Commands: log, run, exit, reboot. */
#include <errno.h>
#include <string.h>

#include "arch/power.h"
#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/panic.h"

#define STATUS_MAX 127

static int log_run(int argc, char **argv)
{
    static const char *const names[] = {
        [LOG_ERROR] = "error",
        [LOG_WARN] = "warn",
        [LOG_INFO] = "info",
        [LOG_DEBUG] = "debug",
    };

    if (argc > 2)
        return console_usage();
    if (argc == 1) {
        print("%s\n", names[log_get_level()]);
        return 0;
    }
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(argv[1], names[i]) == 0) {
            log_set_level((enum log_level)i);
            return 0;
        }
    }
    return console_fail(-EINVAL, "level \"%s\": want one of error, warn, info, debug", argv[1]);
}

CONSOLE_COMMAND(log, .name = "log", .usage = "log\nlog error|warn|info|debug",
                .summary = "show or set which messages are printed", .run = log_run);

static int run_run(int argc, char **argv)
{
    static unsigned depth;
    int rc;

    if (argc != 2)
        return console_usage();
    if (depth == 4)
        return console_fail(-ELOOP, "run within run within run");
    depth++;
    rc = console_execute_shown(argv[1]);
    depth--;
    return rc == 0 ? 0 : console_fail(rc, "a command failed");
}

CONSOLE_COMMAND(run, .name = "run", .usage = "run \"CMD; CMD; ...\"",
                .summary = "run commands; fails with the first failure's code", .run = run_run);

static void stop(int status)
{
    system_exit(status);
}

static int exit_run(int argc, char **argv)
{
    unsigned long long status = 0;
    int rc = 0;

    if (argc > 2)
        return console_usage();
    if (argc == 2)
        rc = console_number(argv[1], "status", &status);
    if (rc != 0)
        return rc;
    if (status > STATUS_MAX)
        return console_fail(-ERANGE, "status %llu: want 0 to %d", status, STATUS_MAX);
    console_stop(stop, (int)status);
    return 0;
}

CONSOLE_COMMAND(exit, .name = "exit", .usage = "exit\nexit STATUS",
                .summary = "stop the machine with a status (0 to 127)", .run = exit_run);

static void reboot(int status)
{
    (void)status;
    power_reset();
}

static int reboot_run(int argc, char **argv)
{
    (void)argv;
    if (argc != 1)
        return console_usage();
    console_stop(reboot, 0);
    return 0;
}

CONSOLE_COMMAND(reboot, .name = "reboot", .usage = "reboot", .summary = "reset the machine",
                .run = reboot_run);
