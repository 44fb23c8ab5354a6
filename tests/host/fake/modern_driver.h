/* A driver with two queues for the tests of the modern transport. */
#ifndef MODERN_DRIVER_H
#define MODERN_DRIVER_H

/* As in struct virtqueue_config; how often its probe() tries to create its queues. */
extern unsigned modern_driver_size_max, modern_driver_tries;

#endif
