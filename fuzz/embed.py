#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""usage: embed.py INPUT OUTPUT

Writes a text file as a C header: an array of its lines, `preamble`, that ends with NULL."""
import sys


def main():
    if len(sys.argv) != 3 or "--help" in sys.argv:
        print(__doc__)
        return 0 if "--help" in sys.argv else 2
    try:
        with open(sys.argv[1]) as file:
            lines = file.read().splitlines()
    except OSError as error:
        print(f"embed.py: {error}; give the path of a text file", file=sys.stderr)
        return 2
    with open(sys.argv[2], "w") as file:
        file.write("static const char *const preamble[] = {\n")
        for line in lines:
            text = line.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t")
            file.write(f'\t"{text}",\n')
        file.write("\tNULL,\n};\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
