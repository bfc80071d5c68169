/* SPDX-License-Identifier: MIT */
/* Error numbers: the system's, or Linux's where there is no <errno.h>. */
#ifndef SLABPOOL_PLATFORM_ERROR_H
#define SLABPOOL_PLATFORM_ERROR_H

#if defined(SLABPOOL_BARE)
#define ENOMEM 12
#define EBUSY 16
#define EINVAL 22
#define EOPNOTSUPP 95
#else
#include <errno.h>
#endif

#endif
