/* Interrupt vectors of host tests, delivered by the test. Link tests/host/fake/fake_intr.c. */
#ifndef FAKE_INTR_H
#define FAKE_INTR_H

#include <stdbool.h>

/* A pool of @vector_cnt vectors, none in use. */
void fake_intr_reset(unsigned vector_cnt);

/* Vectors in use now. */
unsigned fake_intr_used(void);

/* Runs the handler of @vector, as the CPU would; false when nobody owns it. */
bool fake_intr_deliver(unsigned vector);

#endif
