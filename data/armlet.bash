# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of armlet's command line for bash. What there is, armlet itself says (--help, -X help).

_armlet_options() {
    "$1" -help 2>/dev/null | sed -n 's/^  \(-[a-zA-Z_-]*\)\( .*\)\{0,1\}$/\1/p'
}

# The names that "-OPTION help" lists: the first word of each indented line, or a device's name.
_armlet_names() {
    "$1" "$2" help 2>/dev/null | sed -n -e 's/^name "\([^"]*\)".*/\1/p' -e 's/^  \([a-z0-9_-]*\) .*/\1/p'
}

_armlet() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev='' words=''
    [ "$COMP_CWORD" -lt 1 ] || prev=${COMP_WORDS[COMP_CWORD - 1]}
    COMPREPLY=()
    case ${prev/#--/-} in
    -cpu | -accel | -device | -chardev | -d | -machine | -M | -netdev | -nic | -net)
        words=$(_armlet_names "$1" "${prev/#--/-}") ;;
    -serial) words='mon:stdio stdio null none file: chardev:' ;;
    -drive) words='file= if=pflash,format=raw,file=' ;;
    -display) words='none sdl vnc=:' ;;
    -gdb) words='tcp:: unix: stdio' ;;
    -qmp) words='unix: stdio' ;;
    -monitor | -parallel | -vga) words=none ;;
    -rtc) words=base=utc ;;
    -kernel | -initrd | -dtb | -bios | -pflash | -D | -cache-dir | -share | -debug | -trace-file | -profile)
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        return ;;
    *)
        case $cur in
        --*) words=$(_armlet_options "$1" | sed 's/^/-/') ;;
        -*) words=$(_armlet_options "$1") ;;
        *)
            mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            [ "$COMP_CWORD" -ne 1 ] || words='bench cache disk help'
            ;;
        esac ;;
    esac
    [ -z "$words" ] || mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -o filenames -o bashdefault -F _armlet armlet
