/* SPDX-License-Identifier: MIT */
/*
 * Hot: what one magazine hands out and takes back, and the state byte that tells a live object.
 *
 * A state byte stands for a granule, 2^shift bytes of the arena:
 *
 *   address of the object - address of the arena = offset
 *
 *        offset                  rotated by shift
 *   +----------+-------+        +-------+----------+
 *   | granule  | low   |  --->  | low   | granule  |   < granules  <==>  low = 0 and
 *   +----------+-------+        +-------+----------+                     granule < granules
 *
 * so that one comparison refuses foreign and interior pointers alike. Compared are numbers: nothing
 * is assumed about the memory behind a pointer before it is known to be an object's.
 *
 * The guarantee, for a magazine all of whose objects are idle (state byte 0, each in a granule of
 * its own):
 *
 *   take      the last object; its byte was 0 and is the tag; the others stay idle
 *   give(p)   true <==> p starts a granule whose byte is the fast tag, and there is room; then its
 *             byte is 0 and p the magazine's last object; else nothing changes
 *
 * So what a magazine hands out is live from then on, a second free of it is refused, and no object
 * can be in the magazine twice.
 *
 * Locking: none; a magazine belongs to its thread. That two threads may free one object in the same
 * instant is cache.c's matter.
 */
#include "core/hot.h"
