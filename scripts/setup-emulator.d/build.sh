# How the three parts are made, each in a folder of its own below $work, into $new. Sourced, never run.
# shellcheck shell=bash disable=SC2034,SC2154
set -euo pipefail

build_packages=(
    build-essential pkg-config patch xz-utils python3-venv debian-archive-keyring
    ninja-build libglib2.0-dev libfdt-dev libcbor-dev libgnutls28-dev zlib1g-dev
    flex bison bc libelf-dev
)

# logged COMMAND...: runs a command whose output matters only when it fails.
logged() {
    "$@" >"$work/log" 2>&1 || {
        tail -n 40 "$work/log" >&2
        die "this failed: $*"
    }
}

# expect_sha256 FILE SHA256
expect_sha256() { [[ $(sha256_of "$1") == "$2" ]] || die "$(basename "$1") has another SHA-256 than $2"; }

# debian TOOL ARGUMENT...: one of apt's tools with package sources and lists that are its own and not the system's.
debian() {
    "$1" --option Dir::Etc::SourceList="$work/apt/debian.sources" --option Dir::Etc::SourceParts=- \
        --option Dir::State::Lists="$work/apt/lists" --option Dir::Cache="$work/apt/cache" \
        --option APT::Sandbox::User="$(id -un)" "${@:2}"
}

# debian_source TYPE ARCHIVE SUITE
debian_source() {
    printf '%s\n' "Types: $1" "URIs: ${DEBIAN_MIRROR:-http://deb.debian.org}/$2" "Suites: $3" 'Components: main' \
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg' ''
}

know_debian() {
    mkdir -p "$work/apt/lists/partial" "$work/apt/cache"
    {
        debian_source deb-src debian "$qemu_suite"
        debian_source deb debian-security "$linux_suite"
    } >"$work/apt/debian.sources"
    logged debian apt-get --option APT::Update::Error-Mode=any update
}

# choose PACKAGE PINNED: the version to take, which is the pinned one as long as Debian has it.
choose() {
    local offered
    offered=$(debian apt-cache madison "$1" | awk -F ' *[|] *' '{ print $2 }' | sort -V)
    if grep -qxF "$2" <<<"$offered"; then
        echo "$2"
    elif [[ -z $offered ]]; then
        die "Debian has no $1 any more: another one must be named in scripts/setup-emulator.d/inputs.sh"
    elif [[ $any_version == true ]]; then
        tail -n 1 <<<"$offered"
    else
        die "Debian has replaced $1 $2, now it has $(tail -n 1 <<<"$offered"). To build from that, unchecked against" \
            "a pinned SHA-256, pass --any-version; to pin it, change scripts/setup-emulator.d/inputs.sh"
    fi
}

# check_download FILE TAKEN PINNED SHA256: what was chosen because the pinned one is gone has no SHA-256 to hold against.
check_download() {
    if [[ $2 == "$3" ]]; then
        expect_sha256 "$1" "$4"
    else
        warn "unpinned: $(basename "$1") with the SHA-256 $(sha256_of "$1")"
    fi
}

fetch_qemu() {
    mkdir -p "$work/qemu/source"
    cd "$work/qemu"
    logged debian apt-get source --download-only --tar-only "qemu=$qemu_taken"
    check_download qemu_*.orig.tar.xz "$qemu_taken" "$qemu_version" "$qemu_sha256"
    tar --extract --file qemu_*.orig.tar.xz --strip-components 1 --directory source
}

build_qemu() {
    fetch_qemu
    "${PYTHON:-python3}" -m venv python
    logged python/bin/python -m pip install --disable-pip-version-check --require-hashes --no-deps \
        --only-binary :all: --requirement "$parts/python.txt"
    # Debian's tarball comes without the EDK2 images, which this machine type does not use.
    sed -i 's/^if unpack_edk2_blobs/if false/' source/pc-bios/meson.build
    echo CONFIG_NITRO_ENCLAVE=y >source/configs/devices/x86_64-softmmu/nitro.mak
    mkdir source/build
    cd source/build
    logged ../configure --python="$work/qemu/python/bin/python3" "${qemu_options[@]}"
    logged ninja -j "$jobs" qemu-system-x86_64
    strip -o "$new/qemu-system-x86_64" qemu-system-x86_64
}

# fetch_crate: through cargo, so that its mirrors and its proxy are used. A crate can only be fetched as a dependency.
fetch_crate() {
    local name=vhost-device-vsock-$vhost_version.crate crate
    mkdir -p "$work/vhost/fetch/src" "$work/vhost/source"
    cd "$work/vhost/fetch"
    touch src/lib.rs
    printf '%s\n' '[package]' 'name = "fetch"' 'edition = "2021"' '[dependencies]' \
        "vhost-device-vsock = '=$vhost_version'" '[workspace]' >Cargo.toml
    logged cargo fetch
    crate=$(find "${CARGO_HOME:-$HOME/.cargo}/registry/cache" -name "$name" -print -quit)
    [[ -n $crate ]] || die "cargo fetched $name to where it is not found"
    expect_sha256 "$crate" "$vhost_sha256"
    tar --extract --file "$crate" --strip-components 1 --directory "$work/vhost/source"
}

build_vhost() {
    fetch_crate
    cd "$work/vhost/source"
    logged patch --strip 1 --input "$parts/vhost-device-vsock.patch"
    # A workspace of its own, should the cache lie inside another one.
    printf '\n[workspace]\n' >>Cargo.toml
    RUSTFLAGS="--remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo --remap-path-prefix=$work=/build" \
        logged env --unset=CARGO_BUILD_TARGET cargo build --release --locked --jobs "$jobs" --target-dir "$work/vhost/target"
    strip -o "$new/vhost-device-vsock" "$work/vhost/target/release/vhost-device-vsock"
}

fetch_kernel() {
    mkdir -p "$work/kernel/source"
    cd "$work/kernel"
    logged debian apt-get download "$linux_package=$linux_taken"
    check_download "$linux_package"_*.deb "$linux_taken" "$linux_version" "$linux_sha256"
    dpkg-deb --fsys-tarfile "$linux_package"_*.deb |
        tar --extract --to-stdout "./usr/src/$linux_package.tar.xz" |
        tar --extract --xz --strip-components 1 --directory source
}

# settings_hold FRAGMENT CONFIG: kconfig drops without a word what it does not know or what lacks a prerequisite.
settings_hold() {
    local line lost=()
    while IFS= read -r line; do
        case $line in
        '' | '#'*) ;;
        *=n) if grep -q "^${line%=n}=" "$2"; then lost+=("$line"); fi ;;
        *) grep -qxF "$line" "$2" || lost+=("$line") ;;
        esac
    done <"$1"
    if ((${#lost[@]} > 0)); then die "the kernel's configuration did not take: ${lost[*]}"; fi
}

build_kernel() {
    fetch_kernel
    cd source
    logged make tinyconfig
    logged scripts/kconfig/merge_config.sh -m .config "$parts/kernel.fragment"
    logged make olddefconfig
    settings_hold "$parts/kernel.fragment" .config
    logged env "${kernel_identity[@]}" make -j "$jobs" bzImage
    install -m 644 arch/x86/boot/bzImage "$new/bzImage"
    is_known "$new/bzImage" ||
        warn "another source or compiler made another kernel than Debian 12's: what is measured of images differs too"
}

build() {
    [[ $(uname -m) == x86_64 ]] || die "the emulator is built on x86_64 alone; this is $(uname -m)"
    jobs=${JOBS:-$(nproc)}
    timed 'packages' install_packages "${build_packages[@]}" "$firmware_package"
    require have_rust have_c_compiler
    timed "Debian's package lists" know_debian
    qemu_taken=$(choose qemu "$qemu_version")
    linux_taken=$(choose "$linux_package" "$linux_version")
    timed 'qemu-system-x86_64' build_qemu
    timed 'vhost-device-vsock' build_vhost
    timed 'bzImage' build_kernel
    built_from=("qemu $qemu_taken" "linux $linux_taken" "vhost-device-vsock $vhost_version")
}
