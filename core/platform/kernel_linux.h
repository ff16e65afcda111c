/* Arguments of Linux' calls, for calls that the process is made to do: its kernel isn't this
 * machine's, perhaps.  sys/mman.h has the same on x86-64, aarch64 and riscv64. */
#ifndef TMPALLOC_KERNEL_LINUX_H
#define TMPALLOC_KERNEL_LINUX_H

#define KERNEL_LINUX_READ_WRITE          3u
#define KERNEL_LINUX_PRIVATE_AND_NO_FILE 0x22u
#define KERNEL_LINUX_MAP_FAILED          UINT64_MAX

#endif
