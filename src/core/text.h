/* SPDX-License-Identifier: MIT */
/* Names that a caller gives: read up to their end. */
#ifndef SLABPOOL_CORE_TEXT_H
#define SLABPOOL_CORE_TEXT_H

#include <slabpool/compiler.h>

#include "../../proofs/logic/Text.acsl"

/*@ requires text: text_valid((char *)text);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures end: \result == SIZE_MAX || text[\result] == 0;
    ensures first: text_goes_on((char *)text, \result);
*/
static inline size_t text_length(const char *text)
{
	size_t n = 0;

	/*@ loop invariant before: text_goes_on((char *)text, n);
	    loop assigns n;
	    loop variant SIZE_MAX - n;
	*/
	while (n < SIZE_MAX && text[n])
		n++;
	return n;
}

/*@ requires text: text_valid((char *)text);
    terminates always: \true;
    exits never: \false;
    assigns \nothing;
    ensures sound: \result ==> !no_blank_in((char *)text, SIZE_MAX);
*/
static inline bool text_has_blank(const char *text)
{
	size_t n = 0;

	/*@ loop invariant before: text_goes_on((char *)text, n);
	    loop assigns n;
	    loop variant SIZE_MAX - n;
	*/
	while (n < SIZE_MAX && text[n] && text[n] != ' ')
		n++;
	return n < SIZE_MAX && text[n] == ' ';
}

#endif
