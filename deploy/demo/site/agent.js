// The demo's agent page: a stock Converse.js, configured for the demo's XMPP server.
//
// `/agent.json` returns { websocket, domain, accounts }; `?jid=alice` (or alice@domain) chooses the
// account, and without it the page asks. Each tab is its own agent, so nothing is stored.

// The client's footer loads pictures from other hosts; defining the element first replaces it.
customElements.define('converse-footer', class extends HTMLElement {});

// If two messages arrive at once from a new contact, this release of Converse opens two chats and
// shows only the messages of one, so ⚙ lines would be lost. Here the second message waits for the
// first.
converse.plugins.add('one-chat-each', {
  initialize() {
    const { chats } = this._converse.api;
    const get = chats.get.bind(chats);
    const opening = new Map();
    chats.get = (jid, attrs, create) => {
      if (!create || typeof jid !== 'string') return get(jid, attrs, create);
      const found = Promise.resolve(opening.get(jid)).then(() => get(jid, attrs, create));
      opening.set(
        jid,
        found.catch(() => {}),
      );
      return found;
    };
  },
});

function choose(accounts) {
  const list = document.querySelector('#choose ul');
  for (const account of accounts) {
    const link = document.createElement('a');
    link.href = `?jid=${encodeURIComponent(account)}`;
    link.textContent = account;
    const item = document.createElement('li');
    item.append(link);
    list.append(item);
  }
  document.querySelector('#choose').hidden = false;
}

function start(jid, websocket) {
  document.title = jid;
  converse.initialize({
    jid,
    websocket_url: websocket,
    authentication: 'login',
    view_mode: 'fullscreen',
    assets_path: '/converse',
    sounds_path: '/converse/sounds/',
    notification_icon: '/converse/images/logo/conversejs-filled.svg',
    loglevel: 'warn',
    i18n: 'en',

    // The server is the one given above; no lookup, no request to other hosts.
    discover_connection_methods: false,
    allow_registration: false,
    providers_link: '',
    xmpp_providers_url: '',
    autocomplete_providers_url: '',
    emoji_image_path: '',
    muc_search_service: '',
    render_media: true,
    embed_3rd_party_media_players: false,
    visible_toolbar_buttons: { call: false, clear: false, emoji: true, location: false, spoiler: false },
    show_client_info: false,
    geouri_replacement: '$&',

    // A customer is not in the roster and must be able to write all the same.
    allow_non_roster_messaging: true,
    send_chat_markers: ['received', 'displayed', 'acknowledged'],
    send_chat_state_notifications: true,
    message_archiving: 'always',
    enable_smacks: true,
    auto_subscribe: false,
    show_self_in_roster: false,
    whitelisted_plugins: ['one-chat-each'],
    blacklisted_plugins: ['converse-omemo', 'converse-omemo-views', 'converse-push', 'converse-register'],
    auto_join_rooms: [],
    muc_respect_autojoin: false,
    allow_bookmarks: false,

    // Two agents in two tabs of one browser must not become one.
    allow_user_trust_override: 'off',
    reuse_scram_keys: false,
    show_desktop_notifications: false,
    auto_away: 0,
  });
}

async function main() {
  const { websocket, domain, accounts = [] } = await (await fetch('/agent.json')).json();
  const asked = new URLSearchParams(location.search).get('jid');
  if (asked) start(asked.includes('@') ? asked : `${asked}@${domain}`, websocket);
  else choose(accounts);
}

main();
