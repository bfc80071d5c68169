/* SPDX-License-Identifier: MIT */
/*
 * Kernel face: passes through (libc's <errno.h> gets its numbers from here), and adds the numbers
 * that the kernel keeps to itself. Defines no `errno`, as kernel sources use that as a variable.
 */
#ifndef SLABPOOL_KERNEL_ERRNO_H
#define SLABPOOL_KERNEL_ERRNO_H

#if __has_include_next(<linux/errno.h>)
#include_next <linux/errno.h>
#else
#include <errno.h>
#endif

#define ERESTARTSYS 512
#define ERESTARTNOINTR 513
#define ERESTARTNOHAND 514
#define ENOIOCTLCMD 515
#define ERESTART_RESTARTBLOCK 516
#define EPROBE_DEFER 517
#define EOPENSTALE 518
#define ENOPARAM 519
#define EBADHANDLE 521
#define ENOTSYNC 522
#define EBADCOOKIE 523
#ifndef ENOTSUPP
#define ENOTSUPP 524
#endif
#define ETOOSMALL 525
#define ESERVERFAULT 526
#define EBADTYPE 527
#define EJUKEBOX 528
#define EIOCBQUEUED 529

#endif
