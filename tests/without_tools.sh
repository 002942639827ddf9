#!/usr/bin/env bash
# Run a command on a machine where some programs cannot be found:
#
#     bash tests/without_tools.sh "clang clang++ mold bwrap" .venv/bin/python -m pytest tests/verify
#
# Only the command and its children see that; it takes root, or user namespaces. /dev/null is mounted over each program,
# over its versions (clang++-14) and over what a symbolic link leads to, so nothing can execute them under any name.
set -euo pipefail

if [ "${WITHOUT_TOOLS_INSIDE:-}" != yes ]; then
    namespaces=(--mount)
    [ "$EUID" = 0 ] || namespaces+=(--user --map-root-user)
    WITHOUT_TOOLS_INSIDE=yes exec unshare "${namespaces[@]}" bash "$0" "$@"
fi
unset WITHOUT_TOOLS_INSIDE

names=$1
shift
IFS=: read -ra folders <<<"$PATH"
folders+=(/usr/lib/llvm-*/bin /usr/lib/go-*/bin /usr/local/go/bin "${HOME:-/root}"/.cargo/bin)

for name in $names; do
    for folder in "${folders[@]}"; do
        for path in "$folder/$name" "$folder/$name"-[0-9]*; do
            [ ! -x "$path" ] || mount --bind /dev/null "$(readlink -f "$path")"
            [ ! -x "$path" ] || { echo "$path can still be executed" >&2; exit 1; }
        done
    done
done
exec "$@"
