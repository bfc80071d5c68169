/* SPDX-License-Identifier: MIT */
#include "boost_pool.h"

#include <boost/pool/pool.hpp>

namespace
{
boost::pool<> *pool_of(void *pool)
{
	return static_cast<boost::pool<> *>(pool);
}
}

extern "C" void *boost_pool_open(size_t size)
{
	return new boost::pool<>(size);
}

extern "C" void boost_pool_close(void *pool)
{
	delete pool_of(pool);
}

extern "C" void *boost_pool_take(void *pool)
{
	return (pool_of(pool)->malloc)();
}

extern "C" void boost_pool_give(void *pool, void *object)
{
	(pool_of(pool)->free)(object);
}

extern "C" void boost_pool_trim(void *pool)
{
	pool_of(pool)->release_memory();
}
