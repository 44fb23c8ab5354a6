/* The log of host tests: everything printed is kept as text. Link tests/host/fake/log.c. */
#ifndef FAKE_LOG_H
#define FAKE_LOG_H

#include <stdbool.h>

/* All text since the last clear, lines ended by "\n". */
const char *fake_log_text(void);
void fake_log_clear(void);
bool fake_log_has(const char *needle);

#endif
