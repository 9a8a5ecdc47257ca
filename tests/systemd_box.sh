#!/bin/sh
# A machine within the machine, for tests of the service: a real systemd as process 1 of its own namespaces, over a
# throw-away copy of this machine's own disk. What happens in the box stays in the box (in RAM) and ends with it.
#
#   systemd_box.sh start BOX          BOX: a folder to work in, new or empty; returns when the box is up
#   systemd_box.sh run BOX COMMAND... runs a command inside; its output and exit status are this script's
#   systemd_box.sh stop BOX           shuts the box down and removes every trace of it
#
# Needs root and Debian's systemd, systemd-sysv, dbus and systemd-container. Works where process 1 is not systemd.
# The memory and processor limits of units are accepted but may not be in force inside: that is the kernel's choice.
set -eu

usage() { sed -n '5,7s/^# *//p' "$0" >&2; exit 2; }
[ $# -ge 2 ] || usage
action=$1 box=$2
shift 2

# The process 1 of the box is the only child of systemd-nspawn.
first_process() { pgrep -o -P "$(cat "$box/nspawn.pid")"; }

inside() {
    nsenter --target "$(first_process)" --mount --uts --ipc --net --pid --cgroup --root --wd \
        env -i HOME=/root LANG=C.UTF-8 TERM=dumb PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# An overlay: everything of this machine can be read, everything that is written lands in RAM.
lay_disk() {
    mkdir -p "$box/ram"
    mount -t tmpfs -o "size=${BOX_RAM:-3g},mode=755" nebulift-box "$box/ram"
    mkdir "$box/ram/written" "$box/ram/work" "$box/ram/disk"
    mount -t overlay -o "lowerdir=/,upperdir=$box/ram/written,workdir=$box/ram/work" nebulift-box "$box/ram/disk"
    # of this machine's own services none is to start twice
    rm -rf "$box/ram/disk/etc/systemd/system"
    mkdir "$box/ram/disk/etc/systemd/system"
    : > "$box/ram/disk/etc/machine-id"
}

boot() {
    SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=no setsid systemd-nspawn --quiet --directory="$box/ram/disk" --boot \
        --machine="nebulift-box-$$" --register=no --keep-unit --resolv-conf=copy-host --console=pipe \
        -- --unit=basic.target < /dev/null > "$box/console" 2>&1 &
    echo $! > "$box/nspawn.pid"
}

wait_until_up() {
    for _ in $(seq 150); do
        case $(inside systemctl is-system-running 2> /dev/null) in running | degraded) return ;; esac
        kill -0 "$(cat "$box/nspawn.pid")" 2> /dev/null || break
        sleep 0.2
    done
    echo "the box did not come up:" >&2
    cat "$box/console" >&2
    exit 1
}

shut_down() {
    pid=$(cat "$box/nspawn.pid" 2> /dev/null) || return 0
    inside systemctl poweroff --no-block > /dev/null 2>&1 || true
    for _ in $(seq 100); do
        kill -0 "$pid" 2> /dev/null || return 0
        sleep 0.2
    done
    kill -KILL "$pid"
}

clear_away() {
    for mount in "$box/ram/disk" "$box/ram"; do
        ! mountpoint -q "$mount" || umount "$mount" || umount --lazy "$mount"
    done
    for hierarchy in unified systemd; do
        payload=/sys/fs/cgroup/$hierarchy/payload
        [ ! -d "$payload" ] || find "$payload" -depth -type d -exec rmdir {} \; 2> /dev/null || true
    done
    rm -f "$box/nspawn.pid"
}

mkdir -p "$box"
box=$(cd "$box" && pwd)
case $action in
    start) lay_disk && boot && wait_until_up ;;
    run) inside "$@" ;;
    stop) shut_down; clear_away ;;
    *) usage ;;
esac
