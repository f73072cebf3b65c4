# The one place of the versions of development tools. Sourced, never run.
# shellcheck shell=bash disable=SC2034
cargo_deny_version=0.20.2
cargo_fuzz_version=0.13.2
# What published images are built on: compilers and C library decide the bytes beside the sources.
image_built_on='debian-12, rustc 1.95.0, gcc 4:12.2.0-3, libc6-dev 2.36-9+deb12u14'
readonly tonic_prost_build_version=0.14.9
