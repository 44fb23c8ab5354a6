/* The lines that were entered, newest first. */
#include <stdlib.h>
#include <string.h>

#include "kernel/console_private.h"

#define HISTORY_MAX 32

static char *lines[HISTORY_MAX]; /* a ring */
static unsigned next, cnt;

void history_add(const char *line)
{
    const char *newest = history_get(1);
    char *copy;

    if (*line == '\0' || (newest != NULL && strcmp(newest, line) == 0))
        return;
    copy = strdup(line);
    if (copy == NULL)
        return;
    free(lines[next]);
    lines[next] = copy;
    next = (next + 1) % HISTORY_MAX;
    if (cnt < HISTORY_MAX)
        cnt++;
}

const char *history_get(unsigned age)
{
    return age == 0 || age > cnt ? NULL : lines[(next + HISTORY_MAX - age) % HISTORY_MAX];
}
