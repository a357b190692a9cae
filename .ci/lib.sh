# What .ci/run and .ci/soak share; they source it. Needs root, on Debian 12.

set -euo pipefail
exec </dev/null

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
step=starting
begun=$SECONDS
found_from_home=${PYENV_ROOT:-$HOME/.pyenv}

PACKAGES=(git make python3 python3-venv gnome-keyring dbus dbus-x11 libsecret-tools strace e2fsprogs chromium age debootstrap iproute2)
PACKAGES+=(keepassxc nginx-light postgresql)
# What freezing needs besides: the interpreter as a library, and `objdump`.
PACKAGES+=(libpython3.11 binutils)
COMMANDS=(git make gnome-keyring-daemon dbus-daemon dbus-launch secret-tool strace mkfs.ext4 chromium age debootstrap objdump keepassxc nginx ip unshare)

finish() {
    local status=$?
    rm -rf --one-file-system "$work"
    [ $status -eq 0 ] || echo "FAILED: $step (status $status)"
}
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# run NAME COMMAND...   prints the name, the output and the duration
run() {
    step=$1
    shift
    local since=$SECONDS
    echo "==> $step"
    "$@"
    echo "<== $step: $((SECONDS - since)) s"
}

fail() {
    echo "$1" >&2
    return 1
}

# Only the system's own commands and an empty home: nothing that a developer has installed must be needed.
isolate() {
    [ "$(id -u)" -eq 0 ] || fail "This runs as root: it installs packages, and makes another Debian in a folder."
    export CI=true PATH=/usr/sbin:/usr/bin:/sbin:/bin PIP_CACHE_DIR="$work/pip" GIT_CONFIG_GLOBAL="$work/gitconfig"
    unset VIRTUAL_ENV COVERAGE_FILE DISPLAY WAYLAND_DISPLAY MAKEFLAGS MAKELEVEL MFLAGS
    local name
    for name in $(compgen -e | grep -E '^(PYTHON|PYTEST|ROCKETVPN_|XDG_)' || true); do unset "$name"; done
    mkdir -m 700 "$work/home"
    export HOME="$work/home"
    # The clones may belong to someone else than the one who runs this; git wants to be told that this is meant.
    printf '[safe]\n\tdirectory = *\n' >"$GIT_CONFIG_GLOBAL"
    mkdir "$work/counts"
}

packages() {
    local missing=() command
    for command in "${COMMANDS[@]}"; do command -v "$command" >/dev/null || missing+=("$command"); done
    /usr/bin/python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=("python3 with venv")
    ldconfig -p | grep libpython3.11.so >/dev/null || missing+=("libpython3.11")
    compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || missing+=(postgresql)
    # Whom the tests' own PostgreSQL runs as: it refuses root.
    id -u rocketvpn-postgresql >/dev/null 2>&1 ||
        useradd --system --no-create-home --shell /usr/sbin/nologin rocketvpn-postgresql
    [ ${#missing[@]} -gt 0 ] || { echo "all there"; return; }
    echo "missing: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    # Only the programs are wanted: no cluster is made, and none is started.
    [ -e /etc/postgresql-common/createcluster.conf ] || {
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    }
    {
        apt-get update && UCF_FORCE_CONFFOLD=1 apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 \
            -o Dpkg::Options::=--force-confold "${PACKAGES[@]}"
    } >"$work/apt.log" 2>&1 || { cat "$work/apt.log"; return 1; }
    echo "installed: ${PACKAGES[*]}"
}

# clone NAME   a fresh clone, $work/NAME, of the commit that was HEAD when the run began
clone() { git clone --quiet --no-hardlinks "$work/own" "$work/$1"; }

first_clone() {
    git clone --quiet --no-hardlinks "$root" "$work/own"
    git -C "$work/own" log -1 --format='commit %h: %s'
    [ -z "$(git -C "$root" status --porcelain)" ] || echo "note: uncommitted changes are not part of this run"
}

# made WHERE TARGET...   `make` in a clone
made() { make --no-print-directory -C "$work/$1" "${@:2}"; }

version_of() { "$1" -c 'import platform; print(platform.python_version())'; }

# Every Python that fits besides Debian's own, one path a line; a version is taken once.
other_pythons() {
    local python version seen=" $(version_of /usr/bin/python3) "
    for python in "$found_from_home"/versions/3.*/bin/python3 /usr/local/bin/python3.1[1-9] /opt/python*/bin/python3; do
        "$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue
        version=$(version_of "$python")
        case $seen in *" $version "*) continue ;; esac
        seen+="$version "
        echo "$python"
    done
}

# Every version that is promised has to be here: Debian 12's own, a 3.12 and a 3.13.
require_pythons() {
    local own all python wanted
    own=$(version_of /usr/bin/python3)
    all=" $own "
    for python in $(other_pythons); do all+="$(version_of "$python") "; done
    echo "Found:$all"
    { grep -qs '^VERSION_ID="12"' /etc/os-release && [ "$own" = 3.11.2 ]; } ||
        fail "/usr/bin/python3 is $own, and not Debian 12's own 3.11.2."
    for wanted in 3.12 3.13; do
        case $all in *" $wanted."*) ;; *) fail "There is no Python $wanted; pyenv can install one." ;; esac
    done
}

# with_keyring COMMAND...      a D-Bus session with an unlocked keyring
# without_keyring COMMAND...   no D-Bus session at all
with_keyring() { "$work/own/tests/support/run_secret_service.sh" "$@"; }
without_keyring() { env -u DBUS_SESSION_BUS_ADDRESS "$@"; }

# tested WHO WHERE TARGET [ARGS]   `make TARGET` in a clone, every component required; counted for the summary.
# What failed is run once more, alone, unless it may not be: tests/support/flaky.py says what.
tested() {
    local log="$work/counts/$1" failures="$work/failures.json"
    rm -f "$failures"
    if ! with_keyring env ROCKETVPN_REQUIRE_ALL=1 make --no-print-directory -C "$work/$2" "$3" \
        ARGS="--failures-to=$failures --color=no ${4:-}" 2>&1 | tee "$log"; then
        with_keyring env -C "$work/$2" ROCKETVPN_REQUIRE_ALL=1 .venv/bin/python tests/support/flaky.py "$failures" |
            tee -a "$log"
    fi
}

# summary   which Python ran what, and how many tests of it
summary() {
    local log
    echo "What ran where:"
    for log in "$work"/counts/*; do
        printf '  %-34s %s\n' "$(basename "$log")" "$(counted "$log")"
    done
    grep -h '^FLAKY: ' "$work"/counts/* || echo "No test was flaky."
}
counted() { grep -m 1 -E '^(=+ )?[0-9]+ (passed|failed|skipped|error)' "$1"; }

# on_debian CODENAME TARGET   README's commands on another Debian; what failed there is not run again
on_debian() {
    local log="$work/on-debian"
    clone "$1"
    "$work/own/.ci/debian" "$1" "$work/$1" "$2" 2>&1 | tee "$log"
    mv "$log" "$work/counts/$(grep -m 1 -oE '^Python 3\.[0-9.]+' "$log"), Debian $1's: $2"
}
