//! How replies are named, and what their texts become.

use std::sync::Arc;

use super::*;
use crate::chat::ids::ReplyKey;
use crate::chat::settings::CannedReply;

fn reply(key: &str, title: &str, text: &str) -> CannedReply {
    CannedReply { key: ReplyKey::new(key).unwrap(), title: title.into(), text: text.into() }
}

fn known() -> Canned {
    Canned::of(&[
        reply("hello", "Greeting", "Hello {customer.name|there}, {agent.name} here."),
        reply("parcel", "Where the parcel is", "Parcel {1} comes {2|soon}."),
        reply("refund-de", "Rückgabe", "Sie können 30 Tage zurückgeben."),
        reply("refund-en", "Returns", "You can return it for 30 days."),
        reply("mail", "Address", "We write to {customer.email}."),
        reply("about", "All of it", "{queue}, {attribute.plan|free}, {hours.next|soon}"),
        reply("json", "Braces", r"Send \{id\} and \\."),
        reply("maybe", "Maybe", "{1|}"),
        reply("ship", "配送", "通常三日で届きます。"),
    ])
}

fn values() -> Values {
    Values {
        customer_name: Some("Mia".into()),
        agent_name: "Ann".into(),
        queue: Some("Sales".into()),
        hours_next: None,
        answers: vec![("email".into(), "mia@example.org".into()), ("plan".into(), "gold".into())],
    }
}

fn says(words: &str, values: &Values) -> Result<String, CannedRefusal> {
    compose(&known(), words, values, Gaps::Refused).map(|composed| composed.text.to_string())
}

#[test]
fn texts_are_filled_in() {
    let table = [
        ("hello", "Hello Mia, Ann here."),
        ("HELLO", "Hello Mia, Ann here."),
        ("ｈｅｌｌｏ", "Hello Mia, Ann here."),
        ("parcel 1042", "Parcel 1042 comes soon."),
        ("parcel 1042 tomorrow", "Parcel 1042 comes tomorrow."),
        ("parcel \"1042 and 1043\" “on Monday”", "Parcel 1042 and 1043 comes on Monday."),
        ("parcel „1042“ \"\"", "Parcel 1042 comes soon."),
        ("parcel «1 + 2» {2}", "Parcel 1 + 2 comes {2}."),
        ("parcel \"+\"", "Parcel + comes soon."),
        ("mail", "We write to mia@example.org."),
        ("about", "Sales, gold, soon"),
        ("json", r"Send {id} and \."),
        ("hello + mail", "Hello Mia, Ann here.\nWe write to mia@example.org."),
        ("parcel 7 ＋ parcel 8 later", "Parcel 7 comes soon.\nParcel 8 comes later."),
    ];
    for (words, text) in table {
        assert_eq!(says(words, &values()).as_deref(), Ok(text), "{words}");
    }
    let nobody = Values { agent_name: "Ann".into(), ..Values::default() };
    assert_eq!(says("hello", &nobody).as_deref(), Ok("Hello there, Ann here."));
    let blank = Values { customer_name: Some(" ".into()), ..values() };
    assert_eq!(says("hello", &blank).as_deref(), Ok("Hello there, Ann here."));
    let form = Values {
        agent_name: "Ann".into(),
        answers: vec![("name".into(), "Mia Lee".into())],
        ..Values::default()
    };
    assert_eq!(says("hello", &form).as_deref(), Ok("Hello Mia Lee, Ann here."));
}

#[test]
fn nothing_is_said_where_something_is_missing_or_left_over() {
    let key = |key| ReplyKey::new(key).unwrap();
    let unknown = |words: &str| CannedRefusal::Unknown { words: words.into(), any: true };
    let table = [
        ("parcel", CannedRefusal::Missing { key: key("parcel"), number: 1 }),
        ("hello Bob", CannedRefusal::Unused { key: key("hello"), words: "Bob".into() }),
        ("parcel 1 2 3 4", CannedRefusal::Unused { key: key("parcel"), words: "3 4".into() }),
        ("parcel \"1042", CannedRefusal::Unclosed),
        ("hello +", CannedRefusal::Lonely),
        ("+ hello", CannedRefusal::Lonely),
        ("hello + + mail", CannedRefusal::Lonely),
        ("maybe", CannedRefusal::Blank { key: key("maybe") }),
        ("nothing", unknown("nothing")),
        ("urn", unknown("urn")),
        ("hello-there", unknown("hello-there")),
        ("?", unknown("?")),
        ("\"\"", unknown("")),
        ("hello+mail", unknown("hello+mail")),
        ("a b c d e f g h i", unknown("a b c d e f g h i")),
        ("parcel-where", unknown("parcel-where")),
    ];
    for (words, refusal) in table {
        assert_eq!(says(words, &values()), Err(refusal), "{words}");
    }
    let nobody = Values::default();
    let empty =
        |of, variable: &str| Err(CannedRefusal::Empty { key: key(of), variable: variable.into() });
    assert_eq!(says("mail", &nobody), empty("mail", "customer.email"));
    assert_eq!(says("hello", &nobody), empty("hello", "agent.name"));
    assert_eq!(says("hello + about", &nobody), empty("hello", "agent.name"));
    let several =
        vec![(key("refund-de"), Arc::from("Rückgabe")), (key("refund-en"), Arc::from("Returns"))];
    let several = CannedRefusal::Several { words: "30".into(), replies: several, more: 0 };
    assert_eq!(says("30", &values()), Err(several));
    let many = ["hello"; 11].join(" + ");
    assert_eq!(says(&many, &values()), Err(CannedRefusal::Many));
    let none = compose(&Canned::default(), "hello", &values(), Gaps::Refused);
    assert_eq!(none, Err(CannedRefusal::Unknown { words: "hello".into(), any: false }));
    let broken = Canned::of(&[reply("b", "B", "{oops}"), reply("c", "C", "{")]);
    for words in ["b", "c"] {
        let refused = compose(&broken, words, &values(), Gaps::Kept);
        assert_eq!(refused, Err(CannedRefusal::Broken { key: key(words) }));
    }
}

#[test]
fn the_only_one_with_these_words_is_shown_with_its_key() {
    let table = [
        ("return", "refund-en", "You can return it for 30 days."),
        ("RÜCKGABE", "refund-de", "Sie können 30 Tage zurückgeben."),
        ("Ru\u{308}ck", "refund-de", "Sie können 30 Tage zurückgeben."),
        ("30 days?", "refund-en", "You can return it for 30 days."),
        ("三日", "ship", "通常三日で届きます。"),
        ("hello + returns", "refund-en", "You can return it for 30 days."),
        // All of the words were searched for.
        ("where is", "parcel", "Parcel {1} comes soon."),
        ("address", "mail", "We write to mia@example.org."),
    ];
    for (words, key, text) in table {
        let key = ReplyKey::new(key).unwrap();
        let found = CannedRefusal::Found { key: key.clone(), text: text.into() };
        assert_eq!(says(words, &values()), Err(found), "{words}");
        if !words.contains('+') {
            let shown = compose(&known(), words, &values(), Gaps::Kept).unwrap();
            assert_eq!((&*shown.keys, &*shown.text), (key.as_str(), text), "{words}");
        }
    }
    let known = known();
    assert_eq!(keys(&known, "hello + PARCEL 7").as_deref(), Some("hello + parcel"));
    assert_eq!(keys(&known, "hello + returns"), None, "it was never said");
}

#[test]
fn a_message_is_no_longer_than_any_other() {
    let long =
        Canned::of(&[reply("a", "A", &"ä".repeat(4_000)), reply("b", "B", &"b".repeat(3_999))]);
    let said =
        |words| compose(&long, words, &values(), Gaps::Refused).map(|c| c.text.chars().count());
    assert_eq!(said("a + b"), Ok(8_000));
    assert_eq!(said("a + a"), Err(CannedRefusal::Long));
}

#[test]
fn what_is_shown_keeps_what_is_missing() {
    let shown = |words| compose(&known(), words, &Values::default(), Gaps::Kept).unwrap();
    assert_eq!(&*shown("hello").text, "Hello there, {agent.name} here.");
    assert_eq!(&*shown("parcel").text, "Parcel {1} comes soon.");
    let both = shown("mail + parcel 7");
    assert_eq!(
        (&*both.keys, &*both.text),
        ("mail + parcel", "We write to {customer.email}.\nParcel 7 comes soon.")
    );
}

#[test]
fn a_list_is_short() {
    let CannedNotice::List { replies, more } = known().list() else { panic!("a list") };
    assert_eq!((replies.len(), more), (9, 0));
    let many: Vec<_> = (0..500).map(|n| reply(&format!("r{n}"), "R", "same words")).collect();
    let many = Canned::of(&many);
    let CannedNotice::List { replies, more } = many.list() else { panic!("a list") };
    assert_eq!((replies.len(), more), (12, 488));
    let several = compose(&many, "same", &values(), Gaps::Refused);
    let Err(CannedRefusal::Several { replies, more, .. }) = several else { panic!("{several:?}") };
    assert_eq!((replies.len(), more), (8, 492));
}

#[test]
fn only_what_can_be_said_is_taken() {
    for good in
        ["", "Hello", "{1} {9|x}", "{ customer.name | you }", r"\{x\}", "{attribute.order no}"]
    {
        assert_eq!(check(good), Ok(()), "{good}");
    }
    for braces in ["{", "}", "{}", "{ }", "{1", r"\x", "a}"] {
        assert_eq!(check(braces), Err(BadText::Braces), "{braces}");
    }
    for name in ["0", "10", "customer", "customer.Name", "attribute.", "time"] {
        let refused = check(&format!("Hi {{{name}|x}}"));
        assert_eq!(refused, Err(BadText::Variable(name.to_owned())), "{name}");
    }
    assert_eq!(BadText::Variable("time".into()).to_string(), "there is no variable {time}");
}
