# What the emulator is built from and how: a change here makes every emulator built before out of date. Sourced, never run.
# shellcheck shell=bash disable=SC2034

# Debian's names. The suites are where these versions are kept, whichever release of Debian builds them.
qemu_version='1:10.0.2+ds-2+deb13u1~bpo12+1'
qemu_suite=bookworm-backports
qemu_sha256=0901da33844a331bf8b3602b9c1fbd178e60b737c8e3ade678255bd090c9b9f1
linux_package=linux-source-6.12
linux_version=6.12.117-1~deb12u1
linux_suite=bookworm-security
linux_sha256=e849faf31ca3555757f3a8877cb01af92122f744f75d1f3102734651c4e14703

# The crate on crates.io.
vhost_version=0.3.0
vhost_sha256=52ce95d81af89ad693d067c650e42df0f217addfbc96cc4820f7c62eb4a28b13

# One machine type and what it needs. KVM is used where there is a /dev/kvm and left alone elsewhere.
qemu_options=(
    --target-list=x86_64-softmmu
    --without-default-features --without-default-devices --with-devices-x86_64=nitro
    --enable-system --enable-tcg --enable-kvm --enable-vhost-user
    --enable-fdt=system --enable-gnutls --enable-libcbor
    --disable-install-blobs --disable-docs --disable-werror
)

# The kernel says in its version who built it and when. Fixed, so that the same source and compiler give the same bytes.
kernel_identity=(
    KBUILD_BUILD_TIMESTAMP=2020-01-01T00:00:00Z KBUILD_BUILD_USER=x KBUILD_BUILD_HOST=x KBUILD_BUILD_VERSION=1
)

# The command line of the image: the part of it that is measured with the kernel. One that AWS's own images carry.
eif_cmdline='reboot=t panic=30 pci=off nomodules console=ttyS0 i8042.noaux i8042.nomux i8042.nopnp i8042.dumbkbd random.trust_cpu=on'
