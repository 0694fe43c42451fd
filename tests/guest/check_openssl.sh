#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# OpenSSL, command line and library: runs alike in the guest and on the host, and prints "= NAME SUM"
# lines that must be equal. On arm64 OPENSSL_armcap chooses the code: 0 is plain C, 1 is NEON, unset
# is everything that the CPU has; elsewhere it does nothing.
cd "$(dirname "$0")" || exit
out=$(mktemp -d)
key=000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f
iv=f0e0d0c0b0a090807060504030201000
providers=(-provider default -provider legacy)

sum() { sha256sum | cut -c1-32; }

value() { # name command...
    local name=$1
    shift
    "$@" >"$out/result" 2>"$out/error" || echo "$name: $(head -n 1 "$out/error")"
    echo "= $name $(sum <"$out/result")"
}

ciphers() {
    local c
    for c in $(openssl enc -list | tr ' ' '\n' | grep '^-' | grep -v '3-\?DES-\?wrap\|des3-wrap'); do # (random bytes)
        value "enc $c cap=$1" openssl enc -e "$c" "${providers[@]}" -K $key -iv $iv -in data
        cp "$out/result" "$out/cipher"
        value "dec $c cap=$1" openssl enc -d "$c" "${providers[@]}" -K $key -iv $iv -in "$out/cipher"
    done
}

digests() {
    local d
    for d in $(openssl dgst -list | tr ' ' '\n' | grep '^-'); do
        value "dgst $d cap=$1" openssl dgst "${providers[@]}" "$d" -r data
    done
}

macs() {
    local m k
    for m in HMAC/digest:SHA1 HMAC/digest:SHA256 HMAC/digest:SHA512 CMAC/cipher:AES-128-CBC \
        GMAC/cipher:AES-128-GCM POLY1305 SIPHASH KMAC128 KMAC256 BLAKE2BMAC BLAKE2SMAC; do
        local options=()
        case $m in
        CMAC* | GMAC* | SIPHASH*) k=${key:0:32} ;;
        *) k=$key ;;
        esac
        case $m in
        */*) options+=(-macopt "${m#*/}") ;;
        esac
        case $m in
        GMAC*) options+=(-macopt "hexiv:${iv:0:24}") ;;
        esac
        value "mac $m cap=$1" openssl mac "${options[@]}" -macopt "hexkey:$k" -in data "${m%%/*}"
    done
}

# What is deterministic of the public-key operations: signatures with RSA and EdDSA, agreement.
keys() {
    local k
    value "rsa sign cap=$1" openssl dgst -sha256 -sign rsa.pem data
    for k in ed25519 ed448; do
        value "$k sign cap=$1" openssl pkeyutl -sign -rawin -inkey $k.pem -in small
    done
    for k in x25519 x448 P-256 P-384 P-521 secp256k1; do
        value "$k derive cap=$1" openssl pkeyutl -derive -inkey $k.pem -peerkey $k.peer
    done
    openssl dgst -sha256 -sign P-256.pem -out "$out/sig" data &&
        openssl dgst -sha256 -verify P-256.pub -signature "$out/sig" data >/dev/null &&
        echo "= P-256 sign and verify cap=$1 ok"
}

gcc -O2 -o "$out/evp" evp.c -l:libcrypto.so.3 || echo "! evp.c does not compile"
for cap in all 1 0; do
    case $cap in
    all) unset OPENSSL_armcap ;;
    *) export OPENSSL_armcap=$cap ;;
    esac
    "$out/evp" "cap=$cap" || echo "! evp cap=$cap: status $?"
    keys $cap
    [ $cap = 1 ] && continue # the library's loop has gone through NEON
    ciphers $cap
    digests $cap
    macs $cap
done
rm -rf "$out"
