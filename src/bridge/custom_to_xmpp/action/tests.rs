use super::*;
use crate::wire::decode;

const FRESH: ConversationId = ConversationId(Uuid::nil());

/// `‹x*8000›` in the table means the character 8000 times.
fn expand(line: &str) -> String {
    let mut expanded = String::new();
    for (number, part) in line.split(['‹', '›']).enumerate() {
        match part.rsplit_once('*').filter(|_| number % 2 == 1) {
            Some((what, times)) => expanded += &what.repeat(times.parse().unwrap()),
            None => expanded += part,
        }
    }
    expanded
}

fn show(outcome: &Result<Outcome, Refused>) -> String {
    match outcome {
        Err(refused) => {
            let code = serde_json::to_value(refused.code).unwrap();
            let about = refused.id.as_ref().map(|id| format!(" for {id}")).unwrap_or_default();
            format!("! {}{about}", code.as_str().unwrap())
        }
        Ok(Outcome::Greeting(hello)) => format!(
            "hello token={:?} identity={:?} resume={:?} page={:?}",
            hello.token, hello.identity, hello.resume, hello.page
        ),
        Ok(Outcome::Request(Request::Submit(CustomerContent::Command(command)))) => {
            show_command(&command.id, &command.action)
        }
        Ok(Outcome::Request(Request::Submit(CustomerContent::Typing { on }))) => {
            format!("typing {on}")
        }
        Ok(Outcome::Request(Request::Submit(CustomerContent::Read { seq }))) => {
            format!("read {}", seq.0)
        }
        Ok(Outcome::Request(Request::Page(page))) => format!("page {page:?}"),
        Ok(Outcome::Request(Request::History { id, conversation, before, limit })) => {
            format!("history {id} {conversation:?} {before:?} {limit}")
        }
        Ok(Outcome::Request(Request::Ping { n })) => format!("ping {n:?}"),
    }
}

fn show_command(id: &CommandId, action: &CustomerAction) -> String {
    let re =
        |reply_to: &Option<Seq>| reply_to.map(|to| format!(" re {}", to.0)).unwrap_or_default();
    match action {
        CustomerAction::Start { queue, subject, answers } => {
            format!("start {id} {queue:?} {subject:?} {answers:?}")
        }
        CustomerAction::Message { text, reply_to } => {
            format!("message {id} {text:?}{}", re(reply_to))
        }
        CustomerAction::Share { ids, text, reply_to, .. } => {
            let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
            format!("share {id} {text:?} {}{}", ids.join(" "), re(reply_to))
        }
        CustomerAction::Edit { target, text } => format!("edit {id} {target} {text:?}"),
        CustomerAction::Retract { target } => format!("retract {id} {target}"),
        CustomerAction::React { target, emoji } => format!("react {id} {} {emoji:?}", target.0),
        CustomerAction::Choose { of, answer } => format!("choice {id} {} {answer:?}", of.0),
        CustomerAction::Rate { score, comment } => format!("rate {id} {score} {comment:?}"),
        CustomerAction::End => format!("end {id}"),
    }
}

#[derive(Debug)]
enum Outcome {
    Greeting(Greeting),
    Request(Request),
}

fn read(json: &str) -> Result<Outcome, Refused> {
    match decode(json)? {
        ClientFrame::Hello(hello) => greeting(hello).map(Outcome::Greeting),
        frame => request(frame, || FRESH).map(Outcome::Request),
    }
}

#[test]
fn frames_mean_what_the_table_says() {
    let table = include_str!("../../../../tests/tables/client_frames.txt");
    let mut wrong = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for line in table.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, rest) = line.split_once(" | ").unwrap();
        let (json, expected) = rest.rsplit_once(" | ").unwrap();
        assert!(names.insert(name), "{name} stands there twice");
        let outcome = show(&read(&expand(json)));
        if outcome != expand(expected) {
            wrong.push(format!("{name}\n  expected {expected}\n  but got  {outcome:.300}"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(names.len() > 60);
}

#[test]
fn a_second_hello_is_a_bad_frame() {
    let refused = request(ClientFrame::Hello(Hello::default()), || FRESH).unwrap_err();
    assert_eq!(refused.code, ErrorCode::BadFrame);
}

proptest::proptest! {
    #[test]
    fn nothing_that_comes_in_panics(text: String) {
        let _ = read(&text);
    }

    #[test]
    fn nothing_like_a_frame_panics(
        kind in "hello|start|message|edit|retract|react|choice|rate|end|typing|read|page|history|ping",
        field in "id|text|target|of|value|score|comment|seq|url|limit|conversation|answers",
        value: String,
        number: u64,
    ) {
        for value in [serde_json::json!(value), serde_json::json!(number)] {
            let _ = read(&serde_json::json!({"type": kind, "id": "a", field.clone(): value}).to_string());
        }
    }
}
