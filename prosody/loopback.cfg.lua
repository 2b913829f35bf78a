-- For a private Prosody on loopback (demo, tests), read through XMPP_LOCAL: what must never be
-- said on a server that others can reach.

run_as_root = true;                  -- in a container's shell one is often root
c2s_require_encryption = false;      -- loopback needs no certificate
allow_unencrypted_plain_auth = true; -- so that any client library gets in
consider_websocket_secure = true;
consider_bosh_secure = true;
limits = {};
modules_disabled = { "s2s" };        -- federates with nobody
s2s_ports = {};
