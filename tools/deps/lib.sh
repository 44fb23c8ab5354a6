# Shared by the scripts in this folder: messages, the cache folder and its lock, downloads pinned by hash.
# Standard output belongs to the callers' results; everything for people goes to standard error.

DEPS_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ROOT=$(cd "$DEPS_DIR/../.." && pwd)
CACHE=$ROOT/.cache

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The lock is held until the script ends; a second make waits here instead of building the same thing.
lock_cache() {
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock -n 9 && return
    say "waiting for another build that is filling $CACHE"
    flock 9
}

# A private folder below the cache (so that a rename into place is atomic), gone when the script ends.
# Folders of scripts that were killed are swept here; the lock says nobody else is using them.
make_tmp() {
    rm -rf "$CACHE"/tmp.*
    TMP=$(mktemp -d "$CACHE/tmp.XXXXXX")
    chmod 755 "$TMP"
    trap 'rm -rf "$TMP"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM HUP
}

sha256_of() { sha256sum "$1" | cut -d' ' -f1; }

# pins NAME: "version sha256 path" lines.
pins() { awk -v n="$1" '$1 == n { print $2, $3, $4 }' "$DEPS_DIR/pins.txt"; }

# The archives the machine's own apt is configured for, with a private index if apt has none yet.
archives() {
    local list='indextargets --no-release-info --format $(REPO_URI)'
    local uris
    uris=$(apt-get $list 'Created-By: Packages' 2>/dev/null | sort -u)
    if [ -z "$uris" ]; then
        local state=$TMP/apt
        mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
        local own=(-o "Dir::State::Lists=$state/lists" -o "Dir::Cache=$state/cache" -o Acquire::Languages=none)
        [ "$(id -u)" != 0 ] || own+=(-o APT::Sandbox::User=root)
        say "asking the machine's package archives for their index"
        apt-get "${own[@]}" update >>"$TMP/fetch.log" 2>&1
        uris=$(apt-get "${own[@]}" $list 'Created-By: Packages' 2>/dev/null | sort -u)
    fi
    printf '%s\n' "$uris"
}

# fetch PATH SHA256 OUT: a file of a Debian archive, whichever configured archive has it.
fetch() {
    local path=$1 sha=$2 out=$3 uri
    command -v apt-get >/dev/null && [ -x /usr/lib/apt/apt-helper ] || return 1
    for uri in $(archives); do
        printf 'trying %s%s\n' "$uri" "$path" >>"$TMP/fetch.log"
        /usr/lib/apt/apt-helper -o APT::Sandbox::User="$(id -un)" download-file \
            "$uri$path" "$out" "SHA256:$sha" >>"$TMP/fetch.log" 2>&1 && return
        rm -f "$out"
    done
    return 1
}

# fetch_failed NAME VARIABLE: says what was tried and how to go on without a network.
fetch_failed() {
    sed 's/^/deps:   /' "$TMP/fetch.log" 2>/dev/null | tail -n 20 >&2
    die "cannot fetch the sources of $1 from the package archives this machine uses;" \
        "get the tarball elsewhere and name it: make $2=/path/to/$1.tar.xz"
}
