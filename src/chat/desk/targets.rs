//! Whom an agent means: the agent or queue that a command names at the beginning of its text.
//!
//! Invariant: a name is never guessed. What fits several is refused with the list of them.

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use crate::chat::ids::{AgentJid, QueueKey};
use crate::chat::refusal::AgentRefusal;
use crate::chat::settings::TenantSettings;

/// How many names a refusal lists.
const LISTED: usize = 10;
/// How much of an unknown name is repeated to its author, in characters.
const NAME_CHARS: usize = 64;

/// An agent or a queue of a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Agent(AgentJid),
    Queue(QueueKey),
}

/// One that can be meant, under all names it has.
pub(super) struct Known<T> {
    pub(super) target: T,
    /// As people write it.
    pub(super) shown: Arc<str>,
    /// As it is listed among others of the same name.
    pub(super) listed: Arc<str>,
    /// Folded.
    pub(super) names: Vec<String>,
}

/// The agent or `#queue` named at the beginning of a text, and the text after it. Taken is, in this
/// order: a name in quotes; the longest name; the only name that begins so; an address, or its
/// localpart.
pub(super) fn target(
    settings: &TenantSettings,
    text: &str,
) -> Result<(Target, Arc<str>), AgentRefusal> {
    match text.trim_start().strip_prefix(['#', '＃']) {
        Some(queue) => find(&queues(settings), queue),
        None => find(&agents(settings), text),
    }
}

/// As [`target`], but only an agent can be meant.
pub(super) fn agent(
    settings: &TenantSettings,
    text: &str,
) -> Result<(AgentJid, Arc<str>), AgentRefusal> {
    match find(&agents(settings), text)? {
        (Target::Agent(jid), rest) => Ok((jid, rest)),
        (Target::Queue(_), _) => Err(unknown(text, &agents(settings))),
    }
}

/// As [`target`], but only a queue can be meant; the `#` may be absent.
pub(super) fn queue(
    settings: &TenantSettings,
    text: &str,
) -> Result<(QueueKey, Arc<str>), AgentRefusal> {
    let text = text.trim_start();
    match find(&queues(settings), text.strip_prefix(['#', '＃']).unwrap_or(text))? {
        (Target::Queue(key), rest) => Ok((key, rest)),
        (Target::Agent(_), _) => Err(unknown(text, &queues(settings))),
    }
}

fn agents(settings: &TenantSettings) -> Vec<Known<Target>> {
    let known = settings.agents.iter().map(|agent| {
        let jid = agent.jid.as_str();
        let localpart = jid.split('@').next().unwrap_or(jid);
        Known {
            target: Target::Agent(agent.jid.clone()),
            shown: agent.name.clone(),
            listed: format!("{} ({jid})", agent.name).into(),
            names: [&*agent.name, jid, localpart].map(fold).into(),
        }
    });
    known.collect()
}

fn queues(settings: &TenantSettings) -> Vec<Known<Target>> {
    let known = settings.queues.iter().map(|queue| {
        let shown: Arc<str> = format!("#{}", queue.key.as_str()).into();
        Known {
            target: Target::Queue(queue.key.clone()),
            listed: shown.clone(),
            shown,
            names: [&*queue.name, queue.key.as_str()].map(fold).into(),
        }
    });
    known.collect()
}

/// The one that a text names at its beginning, and the text after it.
pub(super) fn find<T: Clone>(
    known: &[Known<T>],
    text: &str,
) -> Result<(T, Arc<str>), AgentRefusal> {
    let text = text.trim();
    if let Some((name, rest)) = quoted(text) {
        let wanted = fold(name);
        let fit = known.iter().filter(|one| one.names.contains(&wanted)).collect::<Vec<_>>();
        return only(&fit, name, rest).unwrap_or_else(|| Err(unknown(name, known)));
    }
    let ends = word_ends(text);
    for end in ends.iter().rev() {
        let (name, rest) = text.split_at_checked(*end).unwrap_or((text, ""));
        let wanted = fold(name);
        let fit = known.iter().filter(|one| one.names.contains(&wanted)).collect::<Vec<_>>();
        if let Some(found) = only(&fit, name, rest) {
            return found;
        }
    }
    let (first, rest) =
        text.split_at_checked(ends.first().copied().unwrap_or(0)).unwrap_or((text, ""));
    let begins = fold(first);
    let fit = known.iter().filter(|one| one.names.iter().any(|name| name.starts_with(&begins)));
    let fit = if begins.is_empty() { Vec::new() } else { fit.collect() };
    only(&fit, first, rest).unwrap_or_else(|| Err(unknown(first, known)))
}

/// The one that fits; an error if several do, none if nothing does.
fn only<T: Clone>(
    fit: &[&Known<T>],
    name: &str,
    rest: &str,
) -> Option<Result<(T, Arc<str>), AgentRefusal>> {
    match fit {
        [] => None,
        [one] => {
            let rest = rest.trim_start_matches([',', ':', ';']).trim();
            Some(Ok((one.target.clone(), rest.into())))
        }
        several => {
            let listed = several.iter().take(LISTED).map(|one| one.listed.clone());
            Some(Err(AgentRefusal::Ambiguous { name: cut(name), known: listed.collect() }))
        }
    }
}

fn unknown<T>(name: &str, known: &[Known<T>]) -> AgentRefusal {
    let names = known.iter().take(LISTED).map(|one| one.shown.clone());
    AgentRefusal::NoSuchTarget { name: cut(name), known: names.collect() }
}

fn cut(name: &str) -> Arc<str> {
    name.trim().chars().take(NAME_CHARS).collect::<String>().into()
}

/// A name in quotes at the beginning of a text, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mark = text.chars().next()?;
    let end = match mark {
        '"' => '"',
        '“' | '„' => '”',
        '«' => '»',
        _ => return None,
    };
    text.strip_prefix(mark)?.split_once(end)
}

/// Where the words of a text end, as byte offsets; without punctuation at the end of a word.
fn word_ends(text: &str) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 0;
    for part in text.split_inclusive(char::is_whitespace) {
        let word = part.trim_end().trim_end_matches([',', ':', ';']);
        if !word.is_empty() {
            ends.push(at + word.len());
        }
        at += part.len();
    }
    ends
}

/// A name without differences of case, composition and blanks.
pub(super) fn fold(name: &str) -> String {
    let words = name.split_whitespace().collect::<Vec<_>>().join(" ");
    words.nfkc().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ids::TenantKey;
    use crate::chat::settings::{AgentSettings, QueueSettings, Role, Strategy};
    use crate::chat::tags::TenantTags;

    fn settings() -> TenantSettings {
        let agent = |jid: &str, name: &str| AgentSettings {
            jid: AgentJid::normalised(jid),
            name: name.into(),
            capacity: 4,
            role: Role::Agent,
            queues: vec![QueueKey::default_queue()],
        };
        let queue = |key: &str, name: &str| QueueSettings {
            key: QueueKey::new(key).unwrap(),
            name: name.into(),
            strategy: Strategy::LeastLoaded,
            offer_ms: 30_000,
        };
        TenantSettings {
            key: TenantKey::new("acme").unwrap(),
            name: "Acme".into(),
            idle_close_ms: 60_000,
            routes: Default::default(),
            queues: vec![queue("default", "Everything"), queue("sales", "Sales and offers")],
            agents: vec![
                agent("bob@example.org", "Bob"),
                agent("bobby@example.org", "Bobby Lee"),
                agent("ann1@example.org", "Ann"),
                agent("ann2@example.org", "Ann"),
                agent("jose@example.org", "José 🦊"),
                agent("dana@example.org", "דנה"),
            ],
            canned: Vec::new(),
            tags: TenantTags::default(),
            hours: Default::default(),
            macros: Vec::new(),
            patience: Default::default(),
        }
    }

    #[test]
    fn a_name_at_the_beginning_is_found() {
        let table = [
            ("bob the invoice is 1042", "bob@example.org", "the invoice is 1042"),
            ("BOB", "bob@example.org", ""),
            ("Bob: now", "bob@example.org", "now"),
            ("bobby lee, please", "bobby@example.org", "please"),
            ("bobb it is urgent", "bobby@example.org", "it is urgent"),
            ("\"Bobby Lee\" Lee asks", "bobby@example.org", "Lee asks"),
            ("ann1 x", "ann1@example.org", "x"),
            ("ann2@example.org x", "ann2@example.org", "x"),
            ("jose\u{301} 🦊 hello", "jose@example.org", "hello"),
            ("דנה שלום", "dana@example.org", "שלום"),
        ];
        for (text, jid, rest) in table {
            let found = target(&settings(), text);
            let expected = (Target::Agent(AgentJid::normalised(jid)), Arc::from(rest));
            assert_eq!(found, Ok(expected), "{text}");
        }
        let sales = Target::Queue(QueueKey::new("sales").unwrap());
        for text in ["#sales hello", "# sales hello", "#Sales and offers hello", "＃SALES hello"] {
            assert_eq!(target(&settings(), text), Ok((sales.clone(), "hello".into())), "{text}");
        }
    }

    #[test]
    fn what_fits_several_or_nobody_is_refused_with_the_list() {
        let both = vec!["Ann (ann1@example.org)".into(), "Ann (ann2@example.org)".into()];
        let ambiguous = AgentRefusal::Ambiguous { name: "ann".into(), known: both };
        assert_eq!(target(&settings(), "ann the invoice"), Err(ambiguous));
        let queues = vec!["#default".into(), "#sales".into()];
        let unknown = AgentRefusal::NoSuchTarget { name: "support".into(), known: queues };
        assert_eq!(target(&settings(), "#support x"), Err(unknown));
        for text in ["", "  ", "zoe", "\"\" x", "#"] {
            let refused = target(&settings(), text);
            assert!(matches!(refused, Err(AgentRefusal::NoSuchTarget { .. })), "{text}");
        }
    }
}
