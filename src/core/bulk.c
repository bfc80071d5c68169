/* SPDX-License-Identifier: MIT */
/*
 * Bulk: many objects between one magazine and a caller's array.
 *
 *   take    magazine  [ a b c d e f ]          array  [ d e f ]   state bytes of d, e, f: 0 -> tag
 *                     [ a b c ]
 *
 *   give    array     [ d e X f ]           magazine  [ a b c d e ]    of d and e: tag -> 0
 *                          ^ not a live object: here it stops, and the slow path decides
 *
 * Copied and marked in two passes: the first is a memcpy(), the second has no more to do than it
 * must. What a loop over state bytes needs of the cache is loaded before it, as a store to a state
 * byte might change any of it for all that the compiler knows.
 *
 * The guarantee, for a magazine all of whose objects are idle (see hot.c):
 *
 *   take(n)   the last min(n, count) objects, each once; their bytes were 0 and are the tag
 *   end(n)    the first k objects were live, no two of them the same, and are not any more; object
 *             k, if k < n, is not live
 *   give(n)   end(n) for no more objects than there is room for; the first k are the magazine's
 *             last ones
 *
 * and every other state byte and all else in the magazine is as it was. So an array that has an
 * object twice is taken back up to the second time, as by that many single frees.
 *
 * Locking: none; a magazine belongs to its thread.
 */
#include "core/bulk.h"
