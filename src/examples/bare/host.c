/* SPDX-License-Identifier: MIT */
/* The sensor node on a host: the same code over the same 64 KiB, as an instance of its own. */
#include <stdio.h>
#include <stdlib.h>

#include "sensor.h"

#define MEMORY (64 * 1024)

static void line(const char *text)
{
	puts(text);
}

int main(void)
{
	static unsigned char buffer[MEMORY];
	struct slabpool_options options;
	struct slabpool_platform platform;
	struct slabpool_buffer state;
	struct slabpool *memory;
	bool good;

	/* As bare metal has it by default: small slabs, one granule, no thread caches. */
	slabpool_options_init(&options);
	options.magazines = 0;
	options.min_order = 0;
	options.max_order = 2;
	options.min_objects = 2;
	options.retain_kib = 0;
	options.granule = 16;
	slabpool_platform_buffer(&platform, &state, buffer, sizeof(buffer));
	memory = slabpool_create(&platform, &options);
	if (!memory) {
		fputs("sensor: 64 KiB are too little\n", stderr);
		return EXIT_FAILURE;
	}
	good = sensor_run(memory, line);
	slabpool_destroy(memory);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
