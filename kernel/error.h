/* Names of error numbers, as scripts see them. */
#ifndef KERNEL_ERROR_H
#define KERNEL_ERROR_H

/* "ENOENT" for 2 or -2, "E?" for unknown ones. */
const char *error_name(int err);

#endif
