/* The one place that holds the version number. */
#ifndef KERNEL_VERSION_H
#define KERNEL_VERSION_H

#define VRING0_VERSION "0.1.0"

#endif
