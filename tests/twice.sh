#!/usr/bin/env bash
# tests/twice.sh PYTHON ARGUMENT...: pytest with these arguments. As CPython's own runner does, tests that failed beside
# others are run once more, one after the other: a shared machine may have stood still. What fails twice fails.
python=$1
"$python" -m pytest "${@:2}"
status=$?
[ $status -eq 1 ] || exit $status # nothing failed, or not every test was run
printf '\nFailed beside other tests, and run again one after the other:\n'
exec "$python" -m pytest "${@:2}" -n 0 --last-failed --last-failed-no-failures none --maxfail 1 -v
