/* SPDX-License-Identifier: MIT */
/* AFL++ in persistent mode, with the input in shared memory. */
#include "entry.h"

#include <unistd.h>

__AFL_FUZZ_INIT();

int main(void)
{
	const unsigned char *input;

	__AFL_INIT();
	input = __AFL_FUZZ_TESTCASE_BUF;
	while (__AFL_LOOP(100000))
		LLVMFuzzerTestOneInput(input, (size_t)__AFL_FUZZ_TESTCASE_LEN);
	return 0;
}
