# Shared by the scripts: where things are, what must be installed, and how results are shown. Sourced, never run.
# shellcheck shell=bash disable=SC2034
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cache=${STRONGROOM_CACHE:-$HOME/.cache/strongroom}
tools=$cache/tools
# A path relative to where the caller stands stays that path after a change of directory.
if [[ -n ${CARGO_TARGET_DIR:-} && $CARGO_TARGET_DIR != /* ]]; then
    export CARGO_TARGET_DIR=$PWD/$CARGO_TARGET_DIR
fi
target=${CARGO_TARGET_DIR:-$root/target}

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    bold=$'\e[1m' dim=$'\e[2m' red=$'\e[31m' green=$'\e[32m' yellow=$'\e[33m' plain=$'\e[0m'
else
    bold='' dim='' red='' green='' yellow='' plain=''
fi

script=$(basename "$0")

warn() { echo "${yellow}$script: $*${plain}" >&2; }

die() {
    echo "${red}$script: $*${plain}" >&2
    exit 1
}

now_ms() { local now=${EPOCHREALTIME/[.,]/} && echo $((now / 1000)); }

# seconds_since START_MS
seconds_since() {
    local ms=$(($(now_ms) - $1))
    printf '%d.%d s' $((ms / 1000)) $((ms % 1000 / 100))
}

# timed NAME COMMAND...: runs a command under a heading and says what it took. Its failure ends the script.
timed() {
    local name=$1 start status=0
    shift
    start=$(now_ms)
    echo "${bold}== $name${plain}"
    # Not as a condition: that would switch `set -e` off inside a function.
    set +e
    (
        set -e
        "$@"
    )
    status=$?
    set -e
    if ((status != 0)); then
        echo "${red}== $name failed after $(seconds_since "$start")${plain}"
        exit "$status"
    fi
    echo "${green}== $name${plain} ${dim}took $(seconds_since "$start")${plain}"
}

# install_command APT DNF APK PACMAN: the command of this system that installs a package.
install_command() {
    local as_root=''
    if ((EUID != 0)); then as_root='sudo '; fi
    if command -v apt-get >/dev/null; then
        echo "${as_root}apt-get install --yes $1"
    elif command -v dnf >/dev/null; then
        echo "${as_root}dnf install --assumeyes $2"
    elif command -v apk >/dev/null; then
        echo "${as_root}apk add $3"
    elif command -v pacman >/dev/null; then
        echo "${as_root}pacman --sync --noconfirm $4"
    else
        echo "install '$1' with this system's package manager"
    fi
}

# is_older A B: whether version A stands before version B.
is_older() { [[ $1 != "$2" && $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$1" ]]; }

missing() { echo "${red}missing:${plain} $1"$'\n'"    to install it: ${bold}$2${plain}" >&2; }

rust_wanted() { sed -n 's/^rust-version = "\(.*\)"$/\1/p' "$root/Cargo.toml"; }

have_rust() {
    local wanted have
    wanted=$(rust_wanted)
    if ! command -v cargo >/dev/null || ! have=$(cd "$root" && rustc --version 2>/dev/null); then
        missing "Rust $wanted or newer" "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
        return 1
    fi
    have=$(awk '{ sub(/-.*/, "", $2); print $2 }' <<<"$have")
    if is_older "$have" "$wanted"; then
        missing "Rust $wanted or newer (this is $have)" "rustup update stable && rustup default stable"
        return 1
    fi
}

# A compiler without the C library's headers is as good as none.
have_c_compiler() {
    local probe status=0
    probe=$(mktemp)
    printf '#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }\n' |
        ${CC:-cc} -x c -o "$probe" - 2>/dev/null || status=1
    rm -f "$probe"
    if ((status != 0)); then
        missing "a C compiler with its library's headers" \
            "$(install_command build-essential 'gcc glibc-devel' build-base base-devel)"
    fi
    return "$status"
}

# have_component NAME: a part of the toolchain that cargo finds as cargo-NAME.
have_component() {
    if (cd "$root" && cargo "${1/rustfmt/fmt}" --version) >/dev/null 2>&1; then return; fi
    missing "$1" "rustup component add $1"
    return 1
}

# require CHECK...: runs every check, so that all that is missing is named at once.
require() {
    local check all=true
    for check in "$@"; do
        # shellcheck disable=SC2086 # a check may be a name and its argument
        $check || all=false
    done
    if [[ $all == false ]]; then die "install what is missing, then run this again"; fi
}
