/* SPDX-License-Identifier: MIT */
#include "entry.h"
#include "world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* A newer one cannot be read: the engine drops it. */
	if (fuzz_version(data, size) > FUZZ_VERSION)
		return -1;
	fuzz_run(fuzz_this, data, size, NULL, NULL);
	return 0;
}
