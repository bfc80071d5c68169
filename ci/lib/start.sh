# SPDX-License-Identifier: MIT
# Start of every command in ci/ that is written in Python; sourced with the command's name and
# arguments. On a machine that has no Python yet, ci/setup gets it first.
ci=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
name=$(basename -- "$0")
if [ ! -x /usr/bin/python3 ]; then
	case ${1-} in
	-h | --help) echo "$name is written in Python: run ci/setup first" && exit 0 ;;
	esac
	"$ci/setup" --only base || exit 1
fi
exec /usr/bin/python3 -B "$ci/lib/$(echo "$name" | tr - _).py" "$@"
