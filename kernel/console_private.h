/* Private to the console's files: the line editor, its history and completion, and the keyboard. */
#ifndef KERNEL_CONSOLE_PRIVATE_H
#define KERNEL_CONSOLE_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel/console.h"

#define CONSOLE_LINE_MAX 512 /* with its NUL */

/* The running command line may be interrupted by Ctrl-C from here on; forgets an earlier one. */
void console_run_begin(void);
void console_run_end(void);

const struct console_command *console_find(const char *name);

/*
 * The line editor. edit_begin() shows an empty line; edit_key() takes a byte and says whether it
 * ended the line, which then stands in edit_line(). @wake is called when edit_refresh() is due: a
 * message went over the line. It may come in any context.
 */
void edit_init(void (*wake)(void));
void edit_begin(void);
bool edit_key(char key);
const char *edit_line(void);
bool edit_refresh_due(void);
void edit_refresh(void);

/* Keeps the last 32 different lines. */
void history_add(const char *line);

/* The line @age steps back, 1 the newest; NULL when there is none. */
const char *history_get(unsigned age);

/* How many commands begin with @prefix; *@common_len is how far their names agree, *@first one of
 * them. */
unsigned complete_count(const char *prefix, size_t len, const char **first, size_t *common_len);

/* Prints the names that begin with @prefix on a line. */
void complete_print(const char *prefix, size_t len);

#endif
