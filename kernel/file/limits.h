/* limits.h: bounds of descriptors and what they refer to. */
#ifndef KERNEL_FILE_LIMITS_H
#define KERNEL_FILE_LIMITS_H

#define DESCRIPTORS_MAX 8192u
#define DESCRIPTORS_FIRST 64u         /* room in the table at first; doubled when it is full */
#define TRANSFER_BYTES_MAX 0x7ffff000u /* of one call, Linux's MAX_RW_COUNT                  */
#define PIPE_BYTES_MIN 4096u
#define PIPE_BYTES 65536u             /* as pipe(7) has it                                   */
#define PIPE_BYTES_MAX (1u << 20)
#define PIPE_ATOMIC_BYTES 4096u       /* PIPE_BUF */
#define EPOLL_NEST_MAX 5u             /* epolls that watch each other, in a row              */
#define EPOLL_EVENTS_MAX (0x7fffffffu / 12u) /* that a call may ask for: EP_MAX_EVENTS          */
#define LOCKS_MAX 4096u               /* on all files together                               */
#define SEND_PART_BYTES 8192u         /* sendfile moves so much in one go                    */

#endif
