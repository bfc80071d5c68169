/* SPDX-License-Identifier: MIT */
/* Empty library functions, for form_empty.h. */
__attribute__((visibility("default"))) void *empty_take(void *form, unsigned int flags);
__attribute__((visibility("default"))) void empty_give(void *form, void *object);

void *empty_take(void *form, unsigned int flags)
{
	(void)flags;
	return form;
}

void empty_give(void *form, void *object)
{
	(void)form;
	(void)object;
}
