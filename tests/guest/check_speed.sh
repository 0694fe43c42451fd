#!/bin/bash
# SPDX-License-Identifier: GPL-3.0-or-later
# `openssl speed` runs every algorithm it has to its end. The figures are of no interest here.
out=$(mktemp)
for a in $(openssl enc -list | tr ' ' '\n' | sed -n 's/^-//p') aes-128-gcm aes-256-gcm aes-128-ocb \
    aes-128-ccm chacha20-poly1305; do
    openssl speed -seconds 1 -bytes 1024 -provider default -provider legacy -evp "$a" >"$out" 2>&1 &&
        [ "$(tail -n 1 "$out" | grep -c '[1-9]')" = 1 ] && echo "ok speed $a" || { echo "! speed $a"; tail -n 3 "$out"; }
done
for a in md5 sha1 sha256 sha512 sha3-256 sha3-512 sm3 blake2b512 blake2s256; do
    openssl speed -seconds 1 -bytes 1024 -evp $a >"$out" 2>&1 && echo "ok speed $a" || { echo "! speed $a"; tail -n 3 "$out"; }
done
for a in ghash rsa1024 rsa2048 dsa1024 ecdsap256 ecdsap384 ecdhp256 ecdhx25519 ecdhx448 ed25519 ed448; do
    openssl speed -seconds 1 -bytes 1024 $a >"$out" 2>&1 && echo "ok speed $a" || { echo "! speed $a"; tail -n 3 "$out"; }
done
rm -f "$out"
