/* SPDX-License-Identifier: MIT */
#include "entry.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_run(fuzz_this, data, size, NULL, NULL);
	return 0;
}
