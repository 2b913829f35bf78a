//! Parses agents' commands; the table is in [`commands`].

use std::borrow::Cow;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::{clean, mark};
use crate::chat::commands::{self, AgentCommand, Argument, Spec, Value};
use crate::chat::refusal::AgentRefusal;

/// How much of an unknown word is repeated to its author, in characters.
const WORD_CHARS: usize = 32;

/// The maximum number of answers that a question offers.
pub const OFFERED: usize = 10;
/// The longest answer, in characters.
pub const LABEL_CHARS: usize = 100;

/// The meaning of a text in a customer's chat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said<'a> {
    /// A message for the customer.
    Text(Cow<'a, str>),
    /// A command; the customer does not see it.
    Command(AgentCommand),
}

/// Parses a text in a customer's chat: `!word` is a command, `!!word` the text `!word`. The sign
/// may be full-width and followed by blanks, so that a mistyped command never reaches the customer.
pub fn in_chat(line: &str) -> Said<'_> {
    match after_sign(line) {
        Some(rest) if begins_word(rest) => Said::Command(command(rest, true)),
        Some(rest) if after_sign(rest).is_some_and(begins_word) => Said::Text(Cow::Borrowed(rest)),
        _ => Said::Text(Cow::Borrowed(line)),
    }
}

/// Parses a step of a macro: a command as in a customer's chat.
pub fn step(line: &str) -> AgentCommand {
    match in_chat(line) {
        Said::Command(command) => command,
        Said::Text(text) => {
            let word = text.chars().take(WORD_CHARS).collect::<String>().into();
            AgentCommand::Invalid(AgentRefusal::UnknownCommand { word })
        }
    }
}

/// Parses a text to the desk: a plain word, or `!word`.
pub fn with_desk(line: &str) -> AgentCommand {
    command(after_sign(line).unwrap_or(line), false)
}

fn after_sign(line: &str) -> Option<&str> {
    clean::visible_start(line).strip_prefix(['!', '\u{ff01}', '\u{fe57}', '\u{fe15}'])
}

/// Whether a word follows on the same line.
fn begins_word(rest: &str) -> bool {
    let passed = |c| clean::is_invisible(c) && !mark::is_line_end(c);
    rest.trim_start_matches(passed).starts_with(char::is_alphabetic)
}

/// The command at the beginning of a text.
fn command(line: &str, in_chat: bool) -> AgentCommand {
    let line = clean::visible_start(line);
    let end = line.find(clean::is_blank_space).unwrap_or(line.len());
    let (word, rest) = line.split_at_checked(end).unwrap_or((line, ""));
    let plain = word.nfkc().filter(|c| !clean::is_invisible(*c)).collect::<String>();
    let plain = plain.to_lowercase();
    match (commands::find_where(&plain, in_chat), commands::find(&plain)) {
        (Some(spec), _) => with_argument(spec, rest),
        (None, Some(spec)) => elsewhere(spec),
        (None, None) => {
            let word = word.chars().take(WORD_CHARS).collect::<String>().into();
            AgentCommand::Invalid(AgentRefusal::UnknownCommand { word })
        }
    }
}

/// A command that is given in the other kind of chat.
fn elsewhere(spec: &Spec) -> AgentCommand {
    let word = spec.word;
    let text = if spec.with_desk {
        format!("Not sent: “{word}” is a command for the chat with the desk.")
    } else {
        format!("Not done: write !{word} in the customer's chat.")
    };
    AgentCommand::Invalid(AgentRefusal::Impossible { text: text.into() })
}

/// The command, with what follows its word.
pub fn with_argument(spec: &'static Spec, rest: &str) -> AgentCommand {
    let word = spec.word;
    let value = match spec.argument {
        Argument::Nothing if clean::is_blank(rest) => Ok(Value::Nothing),
        Argument::Nothing => Err(AgentRefusal::Overfull { word }),
        Argument::Words if clean::is_blank(rest) => Err(AgentRefusal::Usage { word }),
        Argument::Text if clean::is_blank(rest) => Ok(Value::Text("".into())),
        Argument::Text | Argument::Words => Ok(Value::Text(clean::text(rest.trim()).into())),
        Argument::Choices | Argument::Fields => question(rest).ok_or(AgentRefusal::Usage { word }),
    };
    value.map_or_else(AgentCommand::Invalid, spec.make)
}

/// A question and its answers or fields, separated by bars or line ends.
fn question(rest: &str) -> Option<Value> {
    let rest = clean::text(rest);
    let mut parts = rest.trim().split(['|', '\n']).map(str::trim);
    let text: Arc<str> = parts.next().unwrap_or_default().into();
    let labels: Vec<Arc<str>> =
        parts.filter(|part| !clean::is_blank(part)).map(Arc::from).collect();
    let fits = !clean::is_blank(&text)
        && (1..=OFFERED).contains(&labels.len())
        && labels.iter().all(|label| clean::scalars_at_most(label, LABEL_CHARS));
    fits.then_some(Value::Question(text, labels))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::row::QuestionKind;

    fn unknown(word: &str) -> AgentCommand {
        AgentCommand::Invalid(AgentRefusal::UnknownCommand { word: word.into() })
    }

    #[test]
    fn every_example_is_understood() {
        for spec in commands::COMMANDS {
            let Some(example) = spec.example else { continue };
            let command = match in_chat(example) {
                Said::Command(command) if spec.in_chat => command,
                _ => with_desk(example),
            };
            assert_eq!(command.spec().map(|spec| spec.word), Some(spec.word));
        }
    }

    #[test]
    fn lines_in_a_chat() {
        let text = |text| Said::Text(Cow::Borrowed(text));
        let closing =
            |words: &str| Said::Command(AgentCommand::CloseSaying { words: words.into() });
        let overfull = |word| Said::Command(AgentCommand::Invalid(AgentRefusal::Overfull { word }));
        let table = [
            ("hello", text("hello")),
            ("!close", Said::Command(AgentCommand::Close)),
            ("!Close", Said::Command(AgentCommand::Close)),
            (" !who ", Said::Command(AgentCommand::Who)),
            ("!close thanks", closing("thanks")),
            ("!close\nThank you,\n Alice ", closing("Thank you,\n Alice")),
            ("!close \u{200b}\u{a0}", Said::Command(AgentCommand::Close)),
            ("！close", Said::Command(AgentCommand::Close)),
            ("\u{200b}\u{a0}!close", Said::Command(AgentCommand::Close)),
            ("! close", Said::Command(AgentCommand::Close)),
            ("！\u{3000}ｃｌｏｓｅ", Said::Command(AgentCommand::Close)),
            ("!\u{feff}clo\u{ad}se", Said::Command(AgentCommand::Close)),
            ("!who is this", overfull("who")),
            ("！help me", overfull("help")),
            ("!reopen Hello again", overfull("reopen")),
            ("!status\nnow", overfull("status")),
            ("! clsoe", Said::Command(unknown("clsoe"))),
            ("！！close", text("！close")),
            ("!\nclose", text("!\nclose")),
            ("!reopen\n", Said::Command(AgentCommand::Reopen)),
            ("!frobnicate now", Said::Command(unknown("frobnicate"))),
            ("!Übergabe", Said::Command(unknown("Übergabe"))),
            ("!!close", text("!close")),
            ("!!important is a CSS word", text("!important is a CSS word")),
            ("!", text("!")),
            ("!!", text("!!")),
            ("!!!", text("!!!")),
            ("! really", Said::Command(unknown("really"))),
            ("! 5 of them", text("! 5 of them")),
            ("!1", text("!1")),
            ("close", text("close")),
            ("wait!", text("wait!")),
            ("/close", text("/close")),
            ("a\n!close", text("a\n!close")),
        ];
        for (line, said) in table {
            assert_eq!(in_chat(line), said, "{line:?}");
        }
    }

    #[test]
    fn a_question_is_written_between_bars_or_on_lines() {
        let usage = || Said::Command(AgentCommand::Invalid(AgentRefusal::Usage { word: "ask" }));
        let ask = |text: &str, labels: &[&str]| {
            let offers =
                QuestionKind::Choices(labels.iter().map(|label| Arc::from(*label)).collect());
            Said::Command(AgentCommand::Ask { text: text.into(), offers })
        };
        let long = "a".repeat(101);
        let table = [
            ("!ask Which size? | A5 | A4", ask("Which size?", &["A5", "A4"])),
            (" !Ask\tWhich size?\n A5\nA4\n", ask("Which size?", &["A5", "A4"])),
            ("!ask Really?|Yes", ask("Really?", &["Yes"])),
            ("!ask a || b", ask("a", &["b"])),
            ("!ask Which size?", usage()),
            ("!ask", usage()),
            ("!ask | A5 | A4", usage()),
            ("!ask\nWhich?\nA5", ask("Which?", &["A5"])),
            ("!ask Which? | \u{200b} | \u{2800}", usage()),
            ("!ask a|1|2|3|4|5|6|7|8|9|10|11", usage()),
            (&format!("!ask a|{long}"), usage()),
        ];
        for (line, said) in table {
            assert_eq!(in_chat(line), said, "{line:?}");
        }
        let fields = QuestionKind::Fields(vec!["Number".into()]);
        let form = AgentCommand::Ask { text: "Your order".into(), offers: fields };
        assert_eq!(in_chat("!form Your order | Number"), Said::Command(form));
    }

    #[test]
    fn lines_to_the_desk() {
        let table = [
            ("help", AgentCommand::Help),
            ("  Status\n", AgentCommand::Status),
            ("!status", AgentCommand::Status),
            ("good morning", unknown("good")),
            ("!!help", unknown("!help")),
            ("", unknown("")),
        ];
        for (line, command) in table {
            assert_eq!(with_desk(line), command, "{line:?}");
        }
        let long = "ä".repeat(100);
        assert_eq!(with_desk(&long), unknown(&"ä".repeat(32)));
    }
}
