# What the shell scripts share: words on the terminal, root rights, Debian packages. To be sourced.

say() { printf '%s\n' "· $*" >&2; }

die() {
    printf '%s\n' "$*" >&2
    exit 1
}

# Runs a command as root: directly, or by sudo without asking in a script that nobody watches.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [ -t 0 ]; then sudo -E "$@"; else sudo -nE "$@"; fi
    else
        die "Root rights are needed for: $*. Run as root or install sudo."
    fi
}

package_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# Installs those of the named Debian packages that are missing; says which, and how long it took.
apt_install() {
    local missing=() package log
    for package in "$@"; do package_installed "$package" || missing+=("$package"); done
    [ ${#missing[@]} -gt 0 ] || return 0
    command -v apt-get >/dev/null || die "This machine has no apt; please install: ${missing[*]}."
    say "Installing ${missing[*]} with apt"
    log=$(mktemp)
    local start=$SECONDS
    if ! { as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q &&
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
        tail -n 30 "$log" >&2
        rm -f "$log"
        die "apt could not install ${missing[*]}; its last lines stand above."
    fi
    rm -f "$log"
    say "Installed ${missing[*]} in $((SECONDS - start)) s"
}
