//! Transcripts as one self-contained HTML document.

use std::io::{self, Write};

use crate::chat::row::Author;
use crate::ports::directory::Tenant;

use super::{Case, Form, Said, customer, moment, said, state};

pub(super) struct Html;

const STYLE: &str = "\
body{font:15px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#222}\
section{border-top:1px solid #ccc;padding:1rem 0;break-inside:avoid-page}\
h2{font-size:1.1rem;margin:0}dl{margin:0}.about,time,.event{color:#666}time{font-size:.8rem}\
dt{margin-top:.6rem;font-weight:600}.agent{color:#1a56b8}dd{margin:0;white-space:pre-wrap;\
overflow-wrap:anywhere}.event{margin-top:.6rem}";

impl Form for Html {
    fn begin(&mut self, tenant: &Tenant, to: &mut dyn Write) -> io::Result<()> {
        let name = escaped(&tenant.settings.name);
        writeln!(to, "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">")?;
        writeln!(to, "<meta name=\"viewport\" content=\"width=device-width\">")?;
        writeln!(to, "<title>{name}: conversations</title>\n<style>{STYLE}</style>\n</head>")?;
        writeln!(to, "<body>\n<h1>{name}</h1>")
    }

    fn case(&mut self, case: &Case, to: &mut dyn Write) -> io::Result<()> {
        let conversation = &case.conversation;
        writeln!(to, "<section id=\"{}\">", conversation.id)?;
        writeln!(to, "<h2><bdi>{}</bdi></h2>", escaped(&customer(case)))?;
        writeln!(
            to,
            "<p class=\"about\">{}, queue {}, opened {} UTC, {}</p>",
            conversation.id,
            conversation.queue,
            moment(conversation.opened_at),
            escaped(&state(case))
        )?;
        if let Some(subject) = &conversation.subject {
            writeln!(to, "<p dir=\"auto\">{}</p>", escaped(subject))?;
        }
        writeln!(to, "<dl>")?;
        for row in &case.entries {
            let time = format!("<time>{}</time>", moment(row.at));
            match said(row, case) {
                Some(Said::Words { who, text }) => {
                    let side = match row.author {
                        Author::Customer => "customer",
                        Author::Agent { .. } | Author::System => "agent",
                    };
                    let who = escaped(&who);
                    writeln!(to, "<dt class=\"{side}\"><bdi>{who}</bdi> {time}</dt>")?;
                    writeln!(to, "<dd dir=\"auto\">{}</dd>", escaped(&text))?;
                }
                Some(Said::Event(event)) => {
                    writeln!(to, "<dt class=\"event\">{} {time}</dt>", escaped(&event))?;
                }
                None => {}
            }
        }
        writeln!(to, "</dl>\n</section>")
    }

    fn end(&mut self, to: &mut dyn Write) -> io::Result<()> {
        writeln!(to, "</body>\n</html>")
    }
}

/// Escapes text for an element or a quoted attribute, and replaces control characters, which HTML
/// forbids.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c if c.is_control() && c != '\n' => safe.push(char::REPLACEMENT_CHARACTER),
            c => safe.push(c),
        }
    }
    safe
}
