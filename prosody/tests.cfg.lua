-- The tests' Prosody: loopback, agents that register themselves, and, besides the privileged links of
-- XMPP_LINKS, the links u000 … u199 without the privilege, because the gateway must work without it as
-- well. Each test uses its own domain, so tests can run in parallel.

Include "loopback.cfg.lua"

local host = ENV_XMPP_HOST or "localhost";

allow_registration = true;

VirtualHost(host)
	modules_enabled = { "register" };

for n = 0, 199 do
	-- Clients query the features of every component they are shown, and these are four hundred.
	Component(("c%03d.%s"):format(n, host))
		disco_hidden = true;
	Component(("u%03d.%s"):format(n, host))
		disco_hidden = true;
		component_secret = ENV_XMPP_LINK_SECRET;
		component_conflict_resolve = "kick_old";
end
