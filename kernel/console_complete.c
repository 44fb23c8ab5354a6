/* Completion of command names. */
#include <string.h>

#include "kernel/console_private.h"
#include "kernel/log.h"

unsigned complete_count(const char *prefix, size_t len, const char **first, size_t *common_len)
{
    const struct console_command *c;
    unsigned cnt = 0;

    for (c = __start_console_commands; c < __stop_console_commands; c++) {
        size_t same = len;

        if (strncmp(c->name, prefix, len) != 0)
            continue;
        if (cnt++ == 0) {
            *first = c->name;
            *common_len = strlen(c->name);
            continue;
        }
        while (same < *common_len && c->name[same] == (*first)[same])
            same++;
        *common_len = same;
    }
    return cnt;
}

void complete_print(const char *prefix, size_t len)
{
    const struct console_command *c;
    const char *separator = "";

    for (c = __start_console_commands; c < __stop_console_commands; c++) {
        if (strncmp(c->name, prefix, len) != 0)
            continue;
        print("%s%s", separator, c->name);
        separator = "  ";
    }
    print("\n");
}
