/* SPDX-License-Identifier: MIT */
/*
 * The default instance on bare metal: over one buffer that the program hands over before first
 * use. No system, no environment, no threads: nothing here may run in an interrupt while it runs
 * elsewhere.
 */
#include "api/options.h"
#include "core/instance.h"
#include "platform/default.h"
#include "platform/error.h"

struct slabpool *slabpool_default_instance;

static struct slabpool_platform bare_platform;
static struct slabpool_buffer bare_buffer;
static struct slabpool_options bare_options;
static bool bare_configured;

int slabpool_bare_memory(void *memory, size_t bytes)
{
	if (bare_buffer.memory)
		return -EBUSY;
	if (!memory || bytes < (size_t)4 << SLABPOOL_PAGE_SHIFT)
		return -EINVAL;
	slabpool_platform_buffer(&bare_platform, &bare_buffer, memory, bytes);
	return 0;
}

int slabpool_configure(const struct slabpool_options *options)
{
	if (!options || !slabpool_options_valid(options))
		return -EINVAL;
	if (slabpool_default_instance)
		return -EBUSY;
	bare_options = *options;
	bare_configured = true;
	return 0;
}

struct slabpool *slabpool_default(void)
{
	if (slabpool_default_instance)
		return slabpool_default_instance;
	if (!bare_buffer.memory)
		return NULL;
	if (!bare_configured)
		slabpool_options_init(&bare_options);
	bare_configured = true;
	slabpool_default_instance = instance_create(&bare_platform, &bare_options, true);
	return slabpool_default_instance;
}
