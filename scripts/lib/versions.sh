# The one place of the versions of development tools. Sourced, never run.
# shellcheck shell=bash disable=SC2034
cargo_deny_version=0.20.2
cargo_fuzz_version=0.13.2
