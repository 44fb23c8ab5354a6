/* The part of the command "edu" that has the device access memory. */
#ifndef MSIX_EDU_DMA_CMD_H
#define MSIX_EDU_DMA_CMD_H

struct edu;

/*
 * "edu dma @where": has the device copy through a buffer and back, or write over what no device may
 * write to. 0, or negative errno from console_fail(). Thread context.
 */
int edu_dma_run(struct edu *edu, const char *where);

#endif
