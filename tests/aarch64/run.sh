#!/usr/bin/env bash
# Boot an emulated aarch64 machine with Debian's kernel, and attack the sandbox there:
#
#     bash tests/aarch64/run.sh [FOLDER]
#
# Needs Debian or Ubuntu on x86-64 with apt and pip; everything is downloaded into FOLDER (by default a new one in /tmp)
# and nothing is installed. qemu-user would not do: it refuses seccomp to its programs, so a whole machine is emulated.
# Takes some 30 minutes; inside.py says what is tried, as root, as an ordinary user, and without bubblewrap.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
place=${1:-$(mktemp -d)}
mkdir -p "$place"
place=$(realpath "$place")
python=${PYTHON:-$project/.venv/bin/python}
mirror=${MIRROR:-http://deb.debian.org/debian}
cd "$place"
mkdir -p apt/state/lists/partial apt/cache/archives/partial arm64 amd64 wheels root machine

touch apt/state/status
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror bookworm main" >apt/sources.list
cat >apt/apt.conf <<END
Dir::State "$place/apt/state";
Dir::State::status "$place/apt/state/status";
Dir::Cache "$place/apt/cache";
Dir::Etc::sourcelist "$place/apt/sources.list";
Dir::Etc::sourceparts "/dev/null";
APT::Architecture "arm64";
APT::Architectures "arm64";
END
export APT_CONFIG=$place/apt/apt.conf
apt-get -qq update
kernel=$(apt-cache depends linux-image-arm64 | awk '/Depends:/ {print $2; exit}')
(cd arm64 && apt-get -qq download "$kernel" busybox-static bubblewrap libc6 libcap2 libselinux1 libpcre2-8-0 \
    python3.11 python3.11-minimal libpython3.11-minimal libpython3.11-stdlib zlib1g libexpat1 libssl3 libffi8 \
    libbz2-1.0 liblzma5 libsqlite3-0 libuuid1 libncursesw6 libtinfo6 libreadline8 libdb5.3 libgcc-s1 libcrypt1 \
    libtirpc3 libnsl2 libgssapi-krb5-2 libcom-err2 libkrb5-3)
unset APT_CONFIG
emulator=$(apt-get install -s --no-install-recommends qemu-system-arm | awk '/^Inst/ {print $2}')
(cd amd64 && [ -z "$emulator" ] || apt-get -qq download $emulator)
for package in arm64/*.deb; do dpkg -x "$package" root; done
for package in amd64/*.deb; do [ ! -e "$package" ] || dpkg -x "$package" machine; done
mapfile -t versions < <("$python" -c "import pydantic, yaml; print(f'pydantic=={pydantic.VERSION}\npyyaml=={yaml.__version__}')")
"$python" -m pip download -q -d wheels --only-binary=:all: --python-version 311 --platform manylinux2014_aarch64 \
    --platform manylinux_2_17_aarch64 "${versions[@]}"

mkdir -p root/site root/app/tests
for wheel in wheels/*.whl; do "$python" -m zipfile -e "$wheel" root/site; done
cp -r "$project/haloforge" root/app/
cp "$project"/tests/verify/{hostile,cheats}.py "$project"/tests/verify/*.txt "$here/inside.py" root/app/tests/
install -m 755 "$here/init" root/init
cp root/boot/vmlinuz-* vmlinuz
rm -rf root/boot root/lib/modules root/usr/share/{doc,man,locale}
"$python" "$here/archive.py" root initrd.gz

export LD_LIBRARY_PATH=$place/machine/usr/lib/x86_64-linux-gnu:$place/machine/lib/x86_64-linux-gnu
PATH=$place/machine/usr/bin:$PATH exec timeout 7200 qemu-system-aarch64 -L "$place/machine/usr/share/qemu" -M virt \
    -cpu cortex-a72 -smp 2 -m 2048 -nographic -no-reboot -nic none -kernel vmlinuz -initrd initrd.gz \
    -append "console=ttyAMA0 quiet panic=1"
