#!/usr/bin/env bash
# The one way in: installs what each verb needs, builds, tests, shows.  `./setup.sh help` says more.
set -euo pipefail

root=$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")
build_dir=$root/.build
build_targets=()
# Debian's own interpreter: another one on PATH may lack pytest and is not what the debuggers embed.
python=/usr/bin/python3

build_packages=(gcc libc6-dev meson ninja-build pkg-config libdw-dev libelf-dev libsmartcols-dev
    libpopt-dev libjansson-dev libiberty-dev protobuf-c-compiler libprotobuf-c-dev zlib1g-dev
    esbuild node-d3-hierarchy gdb)
test_packages=(bubblewrap python3 python3-pytest python3-pytest-xdist clang g++ gdbserver jq sqlite3 git perl
    libxml2-utils libjemalloc-dev libgoogle-perftools-dev libmimalloc-dev python3-dbg libc6-dbg
    heaptrack redis-server python3-dev curl less make nginx openssl vim python3-jsonschema
    protobuf-compiler python3-protobuf golang-github-google-pprof-dev chromium chromium-driver
    python3-selenium musl-tools xz-utils dwz qemu-user gdb-multiarch gcc-aarch64-linux-gnu
    libc6-dev-arm64-cross gcc-riscv64-linux-gnu
    libc6-dev-riscv64-cross nodejs npm gfortran gnat valgrind cmark-gfm cmake automake)
demo_packages=(python3 python3-dbg libc6-dbg)
bench_packages=(python3 python3-pytest g++ heaptrack jq sqlite3 perl libxml2-utils)
# LLDB's package names carry a version.  Older ones can't import their own Python module.
lldb_preferred=19
lldb_oldest=15

usage() {
    cat <<'HELP'
usage: ./setup.sh VERB

  demo              shows where a real program makes temporary allocations, in GDB and in LLDB
  build             builds the library that both debuggers load
  test [ARGS]       runs the tests; ARGS go to pytest
  bench [ARGS]      measures what tracking costs
  install           makes GDB and LLDB load tmpalloc whenever you start them, and `tmpalloc` in
                    ~/.local/bin a command for saved results and `run`
  install --system  the same for everybody: /usr/local, and GDB's own folder of init files
  install [--system] --remove
                    undoes that
  help              shows this

Every verb first installs the Debian packages that it needs.
HELP
}

say() {
    printf '%s\n' "$*"
}

die() { # STATUS MESSAGE...
    local status=$1
    shift
    printf 'setup.sh: %s\n' "$*" >&2
    exit "$status"
}

# --- packages --------------------------------------------------------------------------------

# Whether a package's content is here, on a system that doesn't have Debian's package database.
have_content() { # PACKAGE
    case $1 in
        libdw-dev) pkg-config --exists libdw ;;
        libelf-dev) pkg-config --exists libelf ;;
        libsmartcols-dev) pkg-config --exists smartcols ;;
        libpopt-dev) pkg-config --exists popt ;;
        libjansson-dev) pkg-config --exists jansson ;;
        libiberty-dev) [[ -e /usr/include/libiberty/demangle.h ]] ;;
        libprotobuf-c-dev) pkg-config --exists libprotobuf-c ;;
        protobuf-c-compiler) command -v protoc-c || command -v protoc-gen-c ;;
        zlib1g-dev) pkg-config --exists zlib ;;
        libjemalloc-dev) pkg-config --exists jemalloc ;;
        libgoogle-perftools-dev) pkg-config --exists libtcmalloc_minimal ;;
        libmimalloc-dev) compgen -G '/usr/include/mimalloc*' ;;
        musl-tools) command -v musl-gcc ;;
        qemu-user) command -v qemu-aarch64 ;;
        gcc-aarch64-linux-gnu) command -v aarch64-linux-gnu-gcc ;;
        libc6-dev-arm64-cross) [[ -e /usr/aarch64-linux-gnu/include/stdlib.h ]] ;;
        gcc-riscv64-linux-gnu) command -v riscv64-linux-gnu-gcc ;;
        libc6-dev-riscv64-cross) [[ -e /usr/riscv64-linux-gnu/include/stdlib.h ]] ;;
        libxml2-utils) command -v xmllint ;;
        libc6-dev) [[ -e /usr/include/stdlib.h ]] ;;
        ninja-build) command -v ninja ;;
        python3-dev) command -v python3-config ;;
        python3-pytest) "$python" -c 'import pytest' ;;
        python3-pytest-xdist) "$python" -c 'import xdist' ;;
        python3-jsonschema) "$python" -c 'import jsonschema' ;;
        python3-selenium) "$python" -c 'import selenium' ;;
        chromium-driver) command -v chromedriver ;;
        nodejs) command -v node ;;
        node-d3-hierarchy) [[ -e /usr/share/nodejs/d3-hierarchy/package.json ]] ;;
        python3-protobuf) "$python" -c 'import google.protobuf' ;;
        protobuf-compiler) command -v protoc ;;
        golang-github-google-pprof-dev)
            [[ -e /usr/share/gocode/src/github.com/google/pprof/proto/profile.proto ]] ;;
        *-dbg) true ;; # only nicer names
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing_packages() { # PACKAGE...: prints those that are not installed
    local package installed
    if ! command -v dpkg-query >/dev/null; then
        for package in "$@"; do
            have_content "$package" || say "$package"
        done
        return
    fi
    installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null || true)
    for package in "$@"; do
        case $package in
            # A Node.js of another origin brings its own npm and conflicts with Debian's.
            nodejs | npm) ! have_content "$package" || continue ;;
        esac
        grep -qxF "installed $package" <<<"$installed" || say "$package"
    done
}

# Reads package names and prints the version of the best LLDB with Python among them, if any.
best_lldb() {
    local names version versions
    names=$(cat)
    versions=$(sed -nE 's/^python3-lldb-([0-9]+)$/\1/p' <<<"$names" | sort -rnu)
    for version in "$lldb_preferred" $versions; do
        if ((version >= lldb_oldest)) && grep -qxF "lldb-$version" <<<"$names" &&
            grep -qxF "python3-lldb-$version" <<<"$names"; then
            say "$version"
            return
        fi
    done
}

installed_lldb() { # prints the version, or nothing
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'lldb-*' 'python3-lldb-*' 2>/dev/null |
        sed -n 's/^installed //p' | best_lldb
}

lldb_command() { # prints LLDB's name, or nothing
    local version
    version=$(command -v dpkg-query >/dev/null && installed_lldb) || true
    if [[ $version ]]; then
        say "lldb-$version"
    elif ! command -v dpkg-query >/dev/null && command -v lldb >/dev/null; then
        say lldb
    fi
}

missing_lldb() { # prints the packages to install, none when LLDB is here
    local version
    [[ -z $(lldb_command) ]] || return 0
    version=$({ command -v apt-cache >/dev/null && apt-cache pkgnames; } | best_lldb || true)
    printf '%s\n' "lldb-${version:-$lldb_preferred}" "python3-lldb-${version:-$lldb_preferred}"
}

as_root() {
    if ((EUID == 0)); then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

apt_install() { # PACKAGE...
    as_root apt-get -qy --no-install-recommends install "$@"
}

# Installs packages, and LLDB, where they are missing.
require() { # PACKAGE...
    local missing
    mapfile -t missing < <(missing_packages "$@" && missing_lldb)
    ((${#missing[@]})) || return 0
    if ! command -v apt-get >/dev/null || ! { ((EUID == 0)) || command -v sudo >/dev/null; }; then
        die 1 "missing, and can't be installed from here: ${missing[*]}"
    fi
    if ! compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null; then
        as_root apt-get -q update || die 1 "the package lists can't be fetched"
        mapfile -t missing < <(missing_packages "$@" && missing_lldb)
    fi
    say "Installing ${missing[*]}"
    apt_install "${missing[@]}" || { as_root apt-get -q update && apt_install "${missing[@]}"; } ||
        die 1 "could not install ${missing[*]}"
}

# --- verbs -----------------------------------------------------------------------------------

can_write() { # FILE, also one that isn't there yet
    [[ -w $1 || (! -e $1 && -w ${1%/*}) ]]
}

# What another user has built can't be renewed, but used as long as it needs no renewal.
take_build() {
    local plan
    plan=$(ninja -C "$build_dir" -n "${build_targets[@]}" 2>&1 || true)
    [[ $plan == *'no work to do'* ]] ||
        die 1 "$build_dir can't be written and isn't up to date: build as the user whose it is"
    say "$build_dir can't be written, but is up to date"
}

build() {
    require "${build_packages[@]}" "$@"
    if ! can_write "$build_dir.lock" || ! can_write "$build_dir"; then
        take_build
        return
    fi
    (
        flock 9
        # An interrupted set-up, or one that an older checkout made and this one can't go on with.
        if [[ ! -e $build_dir/build.ninja ]] || ! ninja -C "$build_dir" build.ninja &>/dev/null; then
            rm -rf -- "$build_dir"
            meson setup "$build_dir" "$root/core"
        fi
        ninja -C "$build_dir" "${build_targets[@]}"
    ) 9>"$build_dir.lock"
}

run_tests() {
    build_targets=(all test-programs)
    build "${test_packages[@]}"
    cd -- "$root"
    # All of them on all processors, a file's tests one after the other.
    (($#)) || set -- -n auto --dist loadfile
    "$python" -m pytest -rs "$@"
}

run_bench() {
    build "${bench_packages[@]}"
    PYTHONPATH=$root/tests exec "$python" -m bench "$@"
}

# Sessions are shown as they would be typed, and fail unless their program ends with status 0.

gdb_session() { # COMMAND... -- PROGRAM...
    local commands=()
    while [[ $1 != -- ]]; do
        commands+=(-ex "echo \\n(gdb) $1\\n" -ex "$1")
        shift
    done
    shift
    say "\$ gdb --args $*"
    gdb -q -nx -batch -iex 'set debuginfod enabled off' -x "$root/gdb/tmpalloc_gdb.py" \
        "${commands[@]}" -ex "quit \$_exitcode" --args "$@"
}

lldb_session() { # COMMAND... -- PROGRAM...
    local lldb commands=()
    local end='(lldb.process.GetState(), lldb.process.GetExitStatus()) != (lldb.eStateExited, 0)'
    lldb=$(lldb_command)
    while [[ $1 != -- ]]; do
        commands+=(-o "$1") # which LLDB shows by itself
        shift
    done
    shift
    say "\$ $lldb -- $*"
    "$lldb" --no-lldbinit --batch -o "command script import \"$root/lldb/tmpalloc_lldb.py\"" \
        "${commands[@]}" -o "script if $end: lldb.debugger.HandleCommand('quit 1')" \
        -k 'quit 1' -- "$@"
}

demo() {
    # Where CPython begins with the program: all of them export it.  LLDB would look for the end of
    # its first instructions, and may take a place in the middle of one for that.
    local program=("$python" examples/word_report.py) entry=Py_RunMain
    build "${demo_packages[@]}"
    cd -- "$root"
    say $'\n== GDB'
    gdb_session "break $entry" run 'tmpalloc start' continue 'tmpalloc summary' -- "${program[@]}"
    say $'\n== LLDB'
    lldb_session "breakpoint set --name $entry --skip-prologue false" run 'tmpalloc start' continue \
        'tmpalloc summary' -- "${program[@]}"
}

# --- install ---------------------------------------------------------------------------------

gdb_init_file() { # prints the file that GDB reads, by GDB's own order
    local config=${XDG_CONFIG_HOME:-$HOME/.config}/gdb/gdbinit
    if [[ -e $config ]]; then say "$config"; else say "$HOME/.gdbinit"; fi
}

lldb_init_file() {
    if [[ -e $HOME/.lldbinit-lldb ]]; then say "$HOME/.lldbinit-lldb"; else say "$HOME/.lldbinit"; fi
}

# Makes LINE the file's only line that matches PATTERN; without LINE, removes those that match.
set_line() { # FILE PATTERN [LINE]
    local file=$1 pattern=$2 line=${3-} old='' rest=''
    if [[ -e $file ]]; then
        old=$(grep -E -- "$pattern" "$file" || true)
        rest=$(grep -vE -- "$pattern" "$file" || true)
    fi
    if [[ $old == "$line" ]]; then
        if [[ $line ]]; then say "$file already has: $line"; else say "$file is as it was"; fi
        return
    fi
    { printf '%s' "${rest:+$rest$'\n'}" "${line:+$line$'\n'}" >"$file"; } 2>/dev/null ||
        die 1 "$file can't be written"
    if [[ $line ]]; then say "$file now has: $line"; else say "$file no longer loads tmpalloc"; fi
}

# The command `tmpalloc`: a link of ours, never in place of something that isn't.
link_command() { # LINK [TARGET]; without TARGET, removes it
    local link=$1 target=${2-} old=''
    if [[ -L $link && $(readlink -- "$link") == */.build/tmpalloc ]]; then old=$(readlink -- "$link"); fi
    if [[ ! $old && ( -e $link || -L $link ) ]]; then
        say "$link is not from here: it stays"
    elif [[ $old == "$target" ]]; then
        if [[ $target ]]; then say "$link is there already"; else say "there is no $link"; fi
    elif [[ $target ]]; then
        { mkdir -p -- "$(dirname -- "$link")" && ln -sfn -- "$target" "$link"; } 2>/dev/null ||
            die 1 "$link can't be made"
        say "$link is the command for saved results"
    else
        rm -- "$link"
        say "$link is gone"
    fi
}

# The file in GDB's folder for everybody's init files; nothing where this GDB has no such folder.
system_gdb_file() {
    local folder
    folder=$(gdb --configuration | sed -n 's/.*--with-system-gdbinit-dir=\(\/[^ ]*\).*/\1/p')
    say "${folder:+${DESTDIR-}$folder/tmpalloc.gdb}"
}

install_for_all() { # [--remove]
    local file scripts
    (($# == 0)) || [[ $* == --remove ]] || die 2 "install --system takes --remove or nothing, not '$*'"
    build
    file=$(system_gdb_file)
    if (($#)); then
        as_root ninja -C "$build_dir" uninstall || die 1 "what is installed can't be removed"
        [[ ! $file ]] || as_root rm -f -- "$file"
        say "What 'install --system' has put there is gone"
        return
    fi
    as_root env DESTDIR="${DESTDIR-}" meson install -C "$build_dir" --no-rebuild --quiet ||
        die 1 "the files can't be installed"
    scripts=$(PKG_CONFIG_PATH=$build_dir/meson-private pkg-config --variable=scriptdir tmpalloc)
    if [[ $file ]]; then
        as_root mkdir -p -- "${file%/*}"
        say "source $scripts/gdb/tmpalloc_gdb.py" | as_root tee -- "$file" >/dev/null
        say "$file makes GDB load tmpalloc"
    else
        say "This GDB has no init files for everybody: source $scripts/gdb/tmpalloc_gdb.py"
    fi
    say "LLDB has none: command script import $scripts/lldb/tmpalloc_lldb.py"
    say "Undo with: $root/setup.sh install --system --remove"
}

install_extension() {
    local gdb_pattern='^source .*/gdb/tmpalloc_gdb\.py$'
    local lldb_pattern='^command script import ".*/lldb/tmpalloc_lldb\.py"$'
    if [[ ${1-} == --system ]]; then
        install_for_all "${@:2}"
        return
    fi
    [[ ${HOME-} ]] || die 1 "HOME is not set: it says where the debuggers' init files are"
    if [[ $* == --remove ]]; then
        set_line "$(gdb_init_file)" "$gdb_pattern"
        set_line "$(lldb_init_file)" "$lldb_pattern"
        link_command "$HOME/.local/bin/tmpalloc"
    elif (($#)); then
        die 2 "install takes --system, --remove or nothing, not '$*'"
    else
        build
        set_line "$(gdb_init_file)" "$gdb_pattern" "source $root/gdb/tmpalloc_gdb.py"
        set_line "$(lldb_init_file)" "$lldb_pattern" \
            "command script import \"$root/lldb/tmpalloc_lldb.py\""
        link_command "$HOME/.local/bin/tmpalloc" "$root/.build/tmpalloc"
        say "Undo with: $root/setup.sh install --remove"
    fi
}

main() {
    local verb=${1:-help}
    (($# == 0)) || shift
    case $verb in
        demo) demo ;;
        build) build ;;
        test) run_tests "$@" ;;
        bench) run_bench "$@" ;;
        install) install_extension "$@" ;;
        help | -h | --help) usage ;;
        *) die 2 "unknown verb '$verb'; there are demo, build, test, bench, install and help" ;;
    esac
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    main "$@"
fi
