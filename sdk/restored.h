/* restored.h: what an instance does when it goes on from a snapshot. */
#ifndef MF_SDK_RESTORED_H
#define MF_SDK_RESTORED_H

void restored(void);

#endif
