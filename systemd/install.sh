#!/bin/sh
# Installs Nebulift as a service on a Raspberry Pi with the 64-bit Raspberry Pi OS, or on another Debian.
#
#   sudo systemd/install.sh                       install, or bring up to date; call it as often as you like
#   sudo systemd/install.sh --wheel FILE.whl      from a wheel, with this checkout's constraints.txt
#   sudo systemd/install.sh --uninstall           remove program and service; configuration and ledger stay
#   sudo systemd/install.sh --uninstall --purge   remove configuration and ledger too
#   systemd/install.sh --dry-run ...              say what would be done, and do nothing
#
# Frames and sorted folders are never touched. What is put where:
#   /opt/nebulift                        the program, in a Python environment of its own; nothing else is changed
#   /usr/local/bin/nebulift              the command
#   /etc/nebulift                        nebulift.toml (written by `nebulift init`, never by this), and a sample
#   /etc/systemd/system/nebulift.service and nebulift.service.d/folders.conf: the service
#   /var/lib/nebulift                    ledger and session state, made by the service
set -eu

program=/opt/nebulift
current=$program/venv # a link to one of the releases: an update is switched on, and back, in one step
command=/usr/local/bin/nebulift
etc=/etc/nebulift
config=$etc/nebulift.toml
unit=/etc/systemd/system/nebulift.service
old_unit=$program/nebulift.service.before # to go back to, should the new one not start
state=/var/lib/nebulift
user=nebulift
needed_mb=700 # the environment takes 300 MB; while it is brought up to date there are two

here=$(cd "$(dirname "$0")" && pwd)
checkout=$(dirname "$here")
python=${PYTHON:-python3}
action=install wheel='' purge=no dry=no

say() { echo "$*"; }
die() {
    echo "install.sh: $*" >&2
    exit 1
}
usage() {
    sed -n '4,8s/^# \{0,3\}//p' "$0" >&2
    exit 2
}

# Every change to the machine goes through here, so that --dry-run can be trusted.
run() {
    if [ "$dry" = yes ]; then
        say "would: $*"
    else
        "$@"
    fi
}

# ---- what must be so before anything is changed --------------------------------------------------------------------

check_machine() {
    [ "$(uname -s)" = Linux ] || die "this is $(uname -s); the service needs Linux with systemd"
    [ "$(getconf LONG_BIT)" = 64 ] ||
        die "this system has 32 bit, for which there is no onnxruntime; install the 64-bit Raspberry Pi OS"
    command -v systemctl > /dev/null || die "there is no systemd here; run 'nebulift watch' by other means"
    command -v "$python" > /dev/null || die "there is no $python; sudo apt install python3 python3-venv"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$("$python" -V) is too old; Nebulift needs Python 3.11: Raspberry Pi OS Bookworm or newer"
    "$python" -c 'import ensurepip, venv' 2> /dev/null ||
        die "$python cannot make environments; sudo apt install python3-venv"
    check_room
}

check_room() {
    place=$program
    while [ ! -d "$place" ]; do place=$(dirname "$place"); done
    free_mb=$(df -Pm "$place" | awk 'NR == 2 { print $4 }')
    [ "$free_mb" -ge "$needed_mb" ] || die "$place has $free_mb MB left, but $needed_mb MB are needed; make room"
}

check_source() {
    [ -f "$here/nebulift.service" ] || die "$here/nebulift.service is missing; call install.sh where it belongs"
    [ -f "$checkout/constraints.txt" ] || die "$checkout/constraints.txt is missing; it pins what is installed"
    if [ -n "$wheel" ]; then
        [ -f "$wheel" ] || die "$wheel: no such file; name the wheel to install"
        wheel=$(realpath "$wheel")
    else
        [ -f "$checkout/pyproject.toml" ] || die "$checkout is no checkout of Nebulift; name a wheel with --wheel"
    fi
}

check_rights() {
    [ "$dry" = yes ] || [ "$(id -u)" = 0 ] || die "this changes the system; call it with sudo"
}

# ---- the program ---------------------------------------------------------------------------------------------------

# One name for what would be installed: the same source, the same pins, the same Python, the same name.
fingerprint() {
    {
        "$python" -V
        cat "$checkout/constraints.txt"
        if [ -n "$wheel" ]; then
            cat "$wheel"
        else
            cd "$checkout"
            find pyproject.toml nebulift daemon export -type f ! -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
        fi
    } | sha256sum | cut -c1-12
}

# A release counts only once its file "complete" is there: what a power cut left half done is made anew.
install_release() {
    release=$program/releases/$(fingerprint)
    if [ -f "$release/complete" ]; then
        say "program      up to date ($release)"
        return
    fi
    say "program      installing into $release; this takes some minutes on a Pi"
    run rm -rf "$release"
    run mkdir -p "$program/releases"
    run "$python" -m venv "$release"
    pip install --require-hashes --requirement "$checkout/constraints.txt" ||
        undo_release "the packages of constraints.txt could not be installed; is the network there?"
    pip install --no-deps "${wheel:-$checkout}" || undo_release "Nebulift itself could not be installed"
    run "$release/bin/nebulift" --version || undo_release "the installed program does not start"
    run touch "$release/complete"
}

# Nothing is taken from, or left in, the home folder of whoever calls us.
pip() { run "$release/bin/python" -m pip --quiet --disable-pip-version-check --no-cache-dir "$@"; }

undo_release() {
    run rm -rf "$release"
    die "$1 (what was installed before stays as it was)"
}

switch_to() {
    [ "$(readlink "$current" 2> /dev/null)" = "$1" ] || {
        run ln -sfn "$1" "$current.new"
        run mv -T "$current.new" "$current"
    }
}

remove_old_releases() {
    for old in "$program"/releases/*; do
        [ ! -d "$old" ] || [ "$old" = "$release" ] || run rm -rf "$old"
    done
}

# ---- the service ---------------------------------------------------------------------------------------------------

make_user() {
    getent passwd "$user" > /dev/null ||
        run useradd --system --user-group --home-dir "$state" --no-create-home --shell /usr/sbin/nologin "$user"
}

place_files() {
    run mkdir -p "$etc"
    if [ "$dry" = yes ]; then
        say "would: write $etc/nebulift.sample.toml"
    else
        "$release/bin/python" -c 'from nebulift.config_sample import sample_toml; print(sample_toml(), end="")' \
            > "$etc/nebulift.sample.toml"
    fi
    [ ! -f "$unit" ] || run cp -p "$unit" "$old_unit"
    [ "$unit_changed" = no ] || run install -m 644 "$here/nebulift.service" "$unit"
    if [ -e "$command" ] && [ ! -L "$command" ]; then
        say "command      $command is not ours and stays; call $current/bin/nebulift"
    else
        run ln -sfn "$current/bin/nebulift" "$command"
    fi
}

systemd_runs() { [ -d /run/systemd/system ]; }

reload() { ! systemd_runs || run systemctl daemon-reload; }

is_active() { systemd_runs && systemctl --quiet is-active nebulift; }

# A service that ran goes on running: with the new program, or, when that does not start, with the old one.
restart_or_go_back() {
    say "service      starting"
    run systemctl restart nebulift && return
    [ "$was_active" = yes ] || die "the service does not start; journalctl -u nebulift -n 40 tells why"
    switch_to "$before"
    run cp -p "$old_unit" "$unit"
    reload
    run systemctl restart nebulift || true
    die "the new program does not start, so the old one is in force again; journalctl -u nebulift -n 40 tells why"
}

start_service() {
    reload
    run systemctl --quiet enable nebulift
    if [ ! -f "$config" ]; then
        say "service      enabled; it starts once it has a configuration"
        say "next         sudo nebulift init"
        return
    fi
    # the folders of the configuration are opened to the service; the configuration itself is not touched
    run "$current/bin/nebulift" init --service --config "$config" ||
        die "the configuration needs correction, then: sudo nebulift init --service && sudo systemctl restart nebulift"
    if ! systemd_runs; then
        say "service      enabled; systemd does not run here, so it starts with the next boot"
    elif [ "$was_active" = yes ]; then
        if [ "$before" != "$release" ] || [ "$unit_changed" = yes ]; then restart_or_go_back; fi
        say "service      running"
    elif [ "$was_installed" = yes ]; then
        say "service      stays stopped, as it was; sudo systemctl start nebulift"
    else
        restart_or_go_back
        say "service      running"
    fi
}

install_all() {
    check_rights
    check_machine
    check_source
    before=$(readlink "$current" 2> /dev/null || true)
    was_installed=no was_active=no unit_changed=no
    [ ! -f "$unit" ] || was_installed=yes
    ! is_active || was_active=yes
    cmp -s "$here/nebulift.service" "$unit" || unit_changed=yes
    install_release
    make_user
    place_files
    switch_to "$release"
    start_service
    remove_old_releases
    [ ! -f "$config" ] || say "check        sudo nebulift doctor"
}

# ---- taking it away again ------------------------------------------------------------------------------------------

uninstall_all() {
    check_rights
    if [ -f "$unit" ]; then
        if systemd_runs; then run systemctl --quiet disable --now nebulift; else run systemctl --quiet disable nebulift; fi
    fi
    run rm -f "$unit" "$unit.d/folders.conf" "$etc/nebulift.sample.toml"
    [ ! -d "$unit.d" ] || run rmdir --ignore-fail-on-non-empty "$unit.d"
    [ "$(readlink "$command" 2> /dev/null)" != "$current/bin/nebulift" ] || run rm "$command"
    run rm -rf "$program"
    reload
    [ "$purge" = no ] || purge_data
    [ ! -d "$etc" ] || run rmdir --ignore-fail-on-non-empty "$etc"
    say "removed      program and service"
    for kept in "$config" "$state" "$unit.d"; do
        [ ! -e "$kept" ] || [ "$dry" = yes ] || say "kept         $kept"
    done
    say "kept         all frames and sorted folders"
}

purge_data() {
    run rm -f "$config"
    run rm -rf "$state"
    ! getent passwd "$user" > /dev/null || run userdel "$user"
}

while [ $# -gt 0 ]; do
    case $1 in
        --wheel)
            [ $# -ge 2 ] || usage
            wheel=$2
            shift
            ;;
        --uninstall) action=uninstall ;;
        --purge) purge=yes ;;
        --dry-run) dry=yes ;;
        *) usage ;;
    esac
    shift
done
[ "$purge" = no ] || [ "$action" = uninstall ] || die "--purge belongs to --uninstall"
[ -z "$wheel" ] || [ "$action" = install ] || die "--wheel does not go with --uninstall"
"${action}_all"
