/* SPDX-License-Identifier: MIT */
/* Alone in its file: the linker takes it only where the program has no main() of its own. */
#include <linux/module.h>

int main(int argc, char **argv);

int main(int argc, char **argv)
{
	return slabpool_kernel_main(argc, argv);
}
