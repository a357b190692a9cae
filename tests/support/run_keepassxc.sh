#!/bin/bash
# run_keepassxc.sh DATABASE COMMAND...
#
# Runs COMMAND with a D-Bus session of its own on which KeePassXC is the Secret Service, with DATABASE (password: test)
# open, and an empty HOME; all of it is gone afterwards. Debian packages: keepassxc dbus.
set -euo pipefail

[ $# -gt 1 ] || { echo "usage: $0 DATABASE COMMAND..." >&2; exit 64; }
database=$(realpath "$1")
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
unset DISPLAY WAYLAND_DISPLAY
export HOME="$folder" XDG_RUNTIME_DIR="$folder/run" XDG_DATA_HOME="$folder/data" XDG_CONFIG_HOME="$folder/config"
export XDG_CACHE_HOME="$folder/cache" TMPDIR="$folder" QT_QPA_PLATFORM=offscreen
mkdir -m 700 -p "$XDG_RUNTIME_DIR" "$XDG_CONFIG_HOME/keepassxc"
printf '%s\n' '[General]' 'ConfigVersion=2' 'UpdateCheckMessageShown=true' '[GUI]' 'CheckForUpdates=false' \
    '[FdoSecrets]' 'Enabled=true' 'ShowNotification=false' 'ConfirmDeleteItem=false' 'ConfirmAccessItem=false' \
    >"$XDG_CONFIG_HOME/keepassxc/keepassxc.ini"
dbus-run-session -- bash -c '
    database=$1; shift
    printf "test\n" | keepassxc --pw-stdin "$database" >"$HOME/log" 2>&1 & keepassxc=$!
    stop() {
        kill "$keepassxc" 2>/dev/null
        for _ in $(seq 30); do kill -0 "$keepassxc" 2>/dev/null || return; sleep 0.1; done
        kill -9 "$keepassxc" 2>/dev/null
    }
    trap stop EXIT
    asked() {
        dbus-send --session --print-reply --dest=org.freedesktop.secrets "$1" org.freedesktop.DBus.Properties.Get \
            "string:org.freedesktop.Secret.$2" "string:$3" 2>/dev/null || true
    }
    # Asking who owns the name starts nothing; a call to the service itself could start another keyring.
    owned() {
        dbus-send --session --print-reply=literal --dest=org.freedesktop.DBus / \
            org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets 2>/dev/null | grep -q true
    }
    unlocked() {
        found=$(asked /org/freedesktop/secrets Service Collections | grep -o "/org/[^\"]*" | head -1)
        [ -n "$found" ] && asked "$found" Collection Locked | grep -q "boolean false"
    }
    for _ in $(seq 200); do
        owned && unlocked && break
        sleep 0.1
    done
    "$@"' _ "$database" "$@"
