# Settings of the release build that tests/run and tests/guide/run share: built fast, but optimised.
readonly QUICK=(CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1 CARGO_PROFILE_RELEASE_DEBUG=false)
