#!/bin/sh
# Nebulift on a Raspberry Pi's 64-bit system, emulated: the wheel is built, installed into an arm64 Debian under
# qemu-user, tested there, and its verdicts are compared with those of this machine. `make pi` runs it.
#
#   tests/pi/pi.sh FOLDER [PYTHON]     FOLDER: the emulated system, made when it is not there (half a gigabyte)
#                                      PYTHON: this checkout's, with its development packages
#
# Half an hour. Right for: does it install, does it run, are the numbers the same. Wrong for: speed and memory.
# Needs root and: apt-get install debootstrap qemu-user-static binfmt-support
set -eu

root=${1:?FOLDER} python=${2:-.venv-dev/bin/python}
python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python")
suite=bookworm python_there=3.11
here=$(cd "$(dirname "$0")" && pwd)
checkout=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# what is fast and looks at the machine: files, locks, processes, numbers
tests="test_filing.py test_settler.py test_ledger.py test_ledger_batching.py test_verdict.py test_readers_fits.py
    test_readers_packed.py test_sky.py test_judge_process.py test_saturation.py test_radon.py"

say() { echo "pi: $*"; }

# The emulated processor is a Pi 4's, whose instructions are the fewest of those that matter. Its /proc/cpuinfo is shown
# too: onnxruntime reads this machine's otherwise, and dies of what it finds there.
inside() {
    unshare --mount sh -euc '
        root=$1 info=$2
        shift 2
        mount -t proc proc "$root/proc"
        mount --bind "$info" "$root/proc/cpuinfo"
        mount -t tmpfs tmpfs "$root/dev/shm" 2> /dev/null || true
        exec env -i PATH=/opt/nebulift/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
            QEMU_CPU=cortex-a72 OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 chroot "$root" "$@"
    ' sh "$root" "$work/cpuinfo" "$@"
}

describe_processor() {
    for core in 0 1 2 3; do
        printf 'processor\t: %s\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\n' "$core"
        printf 'CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd08\nCPU revision\t: 3\n\n'
    done > "$work/cpuinfo"
}

register_emulator() {
    entries=/proc/sys/fs/binfmt_misc
    [ -e $entries/register ] || mount -t binfmt_misc binfmt_misc $entries
    [ -e $entries/qemu-aarch64 ] || update-binfmts --enable qemu-aarch64
}

make_system() {
    [ ! -f "$root/complete" ] || return 0
    say "making $root, Debian $suite for arm64"
    debootstrap --arch=arm64 --variant=minbase --include=python3,python3-venv,ca-certificates,procps "$suite" "$root" \
        > "$root.log" 2>&1 || { tail -n 5 "$root.log" >&2; exit 1; }
    umount "$root/sys" "$root/proc" 2> /dev/null || true
    mkdir -p "$root/sys/devices/system/cpu" # not this machine's, which is no arm64
    for set in possible present online; do echo 0-3 > "$root/sys/devices/system/cpu/$set"; done
    touch "$root/complete"
}

# Wheels are fetched here, where it is quick; there they are installed without a network, by their hashes.
fetch_wheels() {
    say "fetching the wheels of constraints.txt for arm64"
    platforms=
    for platform in 2_28 2_27 2_26 2_17; do platforms="$platforms --platform manylinux_${platform}_aarch64"; done
    # shellcheck disable=SC2086 - a list of options
    fetch() {
        "$python" -m pip download --quiet --disable-pip-version-check --only-binary=:all: --dest "$root/opt/wheels" \
            --python-version $python_there --implementation cp --abi "cp$(echo $python_there | tr -d .)" --abi abi3 \
            --abi none $platforms --platform manylinux2014_aarch64 --platform linux_aarch64 "$@"
    }
    mkdir -p "$root/opt/wheels"
    fetch --require-hashes --requirement "$checkout/constraints.txt"
    fetch --constraint "$checkout/constraints-dev.txt" pytest pytest-timeout hypothesis
}

install_there() {
    say "building and installing the wheel"
    rm -f "$root"/opt/wheels/nebulift-*.whl
    "$python" -m build --wheel --outdir "$root/opt/wheels" "$checkout" > "$work/build.log" 2>&1 ||
        { tail -n 5 "$work/build.log" >&2; exit 1; }
    cp "$checkout/constraints.txt" "$root/opt/"
    rm -rf "$root/opt/nebulift"
    inside sh -euc '
        python3 -m venv /opt/nebulift
        pip="pip --quiet --disable-pip-version-check install --no-index --find-links /opt/wheels"
        $pip --require-hashes --requirement /opt/constraints.txt
        $pip --no-deps /opt/wheels/nebulift-*.whl
        du -sm /opt/nebulift | sed "s/\t.*/ MB on the card/"
        $pip pytest pytest-timeout hypothesis
    '
}

test_there() {
    say "testing there"
    rm -rf "$root/opt/tests"
    mkdir "$root/opt/tests"
    cp "$checkout"/tests/*.py "$root/opt/tests/"
    # slowness is no finding here
    cat >> "$root/opt/tests/conftest.py" << 'END'

import hypothesis

hypothesis.settings.register_profile("emulated", suppress_health_check=list(hypothesis.HealthCheck), deadline=None)
hypothesis.settings.load_profile("emulated")
END
    printf '[pytest]\npythonpath = .\naddopts = --import-mode=importlib -q\nmarkers =\n torch: -\n formats: -\n slow: -\n fault: -\n' \
        > "$root/opt/tests/pytest.ini"
    # shellcheck disable=SC2086 - a list of files
    # GREEDY: qemu-user does not enforce RLIMIT_DATA upon what it emulates
    inside sh -euc '
        cd /opt/tests
        exec pytest --timeout=900 -p no:cacheprovider -m "not slow" -k "not GREEDY" "$@"' sh $tests ||
        failed=yes
}

judge_both() {
    say "judging six simulated frames there and here"
    rm -rf "$root/opt/night"
    (cd "$work" && "$python" -m nebulift simulate "$root/opt/night" --frames 6 --seed 11)
    inside python -c "import platform; assert platform.machine() == 'aarch64', platform.machine()"
    inside nebulift classify --json /opt/night > "$work/arm64.jsonl"
    "$python" -m nebulift classify --json "$root/opt/night" > "$work/here.jsonl"
    "$python" "$here/compare.py" "$work/here.jsonl" "$work/arm64.jsonl" || failed=yes
}

[ "$(id -u)" = 0 ] || { say "mounting needs root" >&2; exit 2; }
failed=no
describe_processor
register_emulator
make_system
fetch_wheels
install_there
judge_both
test_there
[ $failed = no ] || { say "FAILED" >&2; exit 1; }
say "all well"
