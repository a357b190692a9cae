#!/bin/bash
# run_secret_service.sh COMMAND...
#
# Runs COMMAND with a D-Bus session of its own, an unlocked gnome-keyring on it and an empty HOME; all three are gone
# afterwards. Returns COMMAND's status, or 69 when the keyring cannot be started.
# Debian packages: gnome-keyring dbus libsecret-tools.
set -euo pipefail

[ $# -gt 0 ] || { echo "usage: $0 COMMAND..." >&2; exit 64; }
for tool in gnome-keyring-daemon dbus-daemon dbus-send secret-tool; do
    command -v "$tool" >/dev/null || { echo "$0: $tool is not installed" >&2; exit 69; }
done

folder=$(mktemp -d)
started=()
stop() {
    for pid in "${started[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    echo "$0: $1" >&2
    cat "$folder"/*.log >&2
    exit 69
}

# wait_until SECONDS COMMAND...
wait_until() {
    local tries=$(($1 * 20))
    shift
    while ! "$@"; do
        [ $((tries--)) -gt 0 ] || return 1
        sleep 0.05
    done
}

# A keyring or a display of the desktop's must not be found by way of its variables.
unset DISPLAY WAYLAND_DISPLAY GNOME_KEYRING_CONTROL
export HOME="$folder/home"
export XDG_RUNTIME_DIR="$folder/run" XDG_DATA_HOME="$HOME/.local/share" XDG_STATE_HOME="$HOME/.local/state"
export XDG_CONFIG_HOME="$HOME/.config" XDG_CACHE_HOME="$HOME/.cache"
mkdir -m 700 "$HOME" "$XDG_RUNTIME_DIR"

dbus-daemon --session --nofork --nopidfile --print-address=3 3>"$folder/address" >"$folder/dbus.log" 2>&1 &
started+=($!)
wait_until 10 test -s "$folder/address" || fail "the D-Bus session did not start"
DBUS_SESSION_BUS_ADDRESS=$(cat "$folder/address")
export DBUS_SESSION_BUS_ADDRESS

gnome-keyring-daemon --foreground --unlock --components=secrets \
    < <(printf throw-away) >"$folder/keyring.log" 2>&1 &
started=($! "${started[@]}")

# Asking for the name's owner starts nothing; a call to the service itself would start a second, locked daemon.
owned() {
    dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q true
}
wait_until 10 owned || fail "gnome-keyring-daemon did not appear on the bus"

printf probe | timeout 20 secret-tool store --label=probe probe probe || fail "the keyring stores nothing"
[ "$(timeout 20 secret-tool lookup probe probe)" = probe ] || fail "the keyring did not return what it was given"
secret-tool clear probe probe

"$@"
