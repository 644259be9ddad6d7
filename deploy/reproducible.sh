# Makes release builds independent of the directories that they are in: the same sources, compiler and tools make the
# same bytes. To be sourced in the project's directory.

# Cargo passes the flags to rustc, and `cc` those of C: ring has C and assembly. Debug information, from which the linker
# computes the build id, names source files by their paths.
reproducible() {
    local target=$1 cargo=${CARGO_HOME:-$HOME/.cargo} pair
    local rust=() c=()
    # The last one that matches applies.
    for pair in "$cargo=/cargo" "$PWD=/httplog-exporter" "$target=/target"; do
        rust+=("--remap-path-prefix=$pair")
        c+=("-ffile-prefix-map=$pair")
    done
    local IFS=$'\x1f'
    export CARGO_ENCODED_RUSTFLAGS="${rust[*]}"
    IFS=' '
    export CFLAGS="${c[*]}"
    export SOURCE_DATE_EPOCH="${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}"
}
