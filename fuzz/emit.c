/* SPDX-License-Identifier: MIT */
#include "ops.h"
