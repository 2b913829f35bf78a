-- The tests' Prosody: loopback, agents that register themselves, and beside the links of
-- XMPP_LINKS (privileged) as many u000 … u199 without the privilege, for the gateway must work
-- without it as well. Each test takes a domain of its own, so tests run beside each other.

Include "loopback.cfg.lua"

local host = ENV_XMPP_HOST or "localhost";

allow_registration = true;

VirtualHost(host)
	modules_enabled = { "register" };

for n = 0, 199 do
	-- A stock client asks every component it is shown what it can do, and these are four hundred.
	Component(("c%03d.%s"):format(n, host))
		disco_hidden = true;
	Component(("u%03d.%s"):format(n, host))
		disco_hidden = true;
		component_secret = ENV_XMPP_LINK_SECRET;
		component_conflict_resolve = "kick_old";
end
