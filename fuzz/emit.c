/* SPDX-License-Identifier: MIT */
/*
 * A run as a C program: a preamble (preamble.inc: the system, the tables of handles, a function for
 * each operation that is more than one call), then the statements of the operation table.
 */
#include "emit.h"

#include "preamble.h"

void fuzz_emit_begin(FILE *out, uint32_t objects)
{
	for (unsigned int i = 0; preamble[i]; i++) {
		fprintf(out, "%s\n", preamble[i]);
		if (i == 1)
			fprintf(out, "#define OBJECTS %uu\n#define CACHES %uu\n#define POOLS %uu\n",
				objects ? objects : 1, FUZZ_MAX_CACHES, FUZZ_MAX_POOLS);
	}
	fputs("int main(void)\n{\n", out);
}

void fuzz_emit_end(FILE *out)
{
	fputs("\tcheck();\n"
	      "\tfor (unsigned int i = 0; i < POOLS; i++)\n"
	      "\t\tif (m[i])\n"
	      "\t\t\tend_pool(i);\n"
	      "\tfree_many(0, OBJECTS, 1);\n"
	      "\tslabpool_destroy(P);\n"
	      "\tprintf(\"%u reports\\n\", reports);\n"
	      "\treturn 0;\n"
	      "}\n",
	      out);
}
