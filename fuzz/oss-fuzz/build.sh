#!/bin/bash -eu
# SPDX-License-Identifier: MIT
"$SRC/slabpool/fuzz/build.sh"
