#!/bin/sh
# Starts Prosody. At the first start it gets a certificate of its own making, unless one is there, and the accounts.
set -eu
host=${XMPP_HOST:-localhost}

if [ ! -e "$XMPP_CERTIFICATES/$host.crt" ]; then
  mkdir -p "$XMPP_CERTIFICATES"
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
    -subj "/CN=$host" -addext "subjectAltName=DNS:$host,DNS:*.$host" \
    -keyout "$XMPP_CERTIFICATES/$host.key" -out "$XMPP_CERTIFICATES/$host.crt"
fi

# Once: a password that an agent changed later stays changed.
if [ "${DEMO:-yes}" = yes ] && [ ! -e "$XMPP_STATE/accounts-made" ]; then
  while read -r name password; do
    prosodyctl register "$name" "$host" "$password"
  done </run/couplet/prosody/accounts
  touch "$XMPP_STATE/accounts-made"
fi

exec prosody -F
