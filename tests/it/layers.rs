//! Rules of the source tree that the compiler does not check: which part may use which, who may
//! read the clock, what every file begins with and how long it may be, that the files of a folder
//! do not import each other in circles, and that links in documents lead somewhere.
//!
//! Sources are read as tokens: words in comments and strings do not count, words inside macros do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// The parts of the crate that each part may use, besides itself. `main` sees the crate from
/// outside. `chaos`, which `tests/chaos` needs inside a node and is empty in an ordinary build, may
/// be used by any part.
const MAY_NAME: [(&str, &[&str]); 18] = [
    ("chaos", &[]),
    ("chat", &[]),
    ("wire", &[]),
    ("bridge", &["chat", "wire"]),
    ("ports", &["chat"]),
    ("store", &["chat", "ports"]),
    ("cache", &["chat", "ports"]),
    ("files", &["chat", "ports"]),
    ("xmpp", &["bridge", "chat", "ports"]),
    ("world", &["chat", "ports"]),
    ("hours", &["chat", "ports"]),
    ("runtime", &["bridge", "chat", "hours", "ports"]),
    ("websocket", &["bridge", "chat", "ports", "runtime", "wire"]),
    ("web", &["bridge", "chat", "ports", "runtime", "websocket", "wire"]),
    ("config", &["chat"]),
    ("cli", &["bridge", "chat", "config", "hours", "ports", "wire"]),
    (
        "app",
        &[
            "bridge",
            "cache",
            "chat",
            "cli",
            "config",
            "files",
            "ports",
            "runtime",
            "store",
            "web",
            "websocket",
            "wire",
            "world",
            "xmpp",
        ],
    ),
    ("main", &["app", "cli", "config"]),
];

/// Parts that compute and do nothing else.
const PURE: [&str; 3] = ["chat", "wire", "bridge"];

/// Names that only some files may use: a path, or any part of one, and the files.
const KEPT: [(&[&str], &[&str]); 31] = [
    (&["anyhow"], &["src/main.rs", "src/app.rs"]),
    // The wall clock, randomness, the environment.
    (&["SystemTime"], &["src/world.rs"]),
    (&["OsRng"], &["src/world.rs"]),
    (&["Uuid", "now_v7"], &["src/world.rs"]),
    (&["Uuid", "new_v4"], &[]),
    (&["rand"], &["src/world.rs", "src/cache/"]),
    (&["std", "env"], &["src/config/", "src/chaos.rs"]),
    // Each adapter keeps its library to itself.
    (&["sea_orm"], &["src/store/"]),
    (&["couplet_migrations"], &["src/store/"]),
    (&["deadpool_redis"], &["src/cache/"]),
    (&["tokio_xmpp"], &["src/xmpp/"]),
    (&["xmpp_parsers"], &["src/bridge/", "src/xmpp/", "src/config/links.rs"]),
    (&["opening_hours"], &["src/hours/"]),
    (&["jiff"], &["src/hours/"]),
    (&["object_store"], &["src/files/"]),
    (&["reqwest"], &["src/files/"]),
    (&["file_format"], &["src/runtime/files/"]),
    (&["img_parts"], &["src/runtime/files/"]),
    (&["exif"], &["src/runtime/files/"]),
    (&["multer"], &["src/web/upload.rs"]),
    (&["warp"], &["src/web/"]),
    (&["tokio_tungstenite"], &["src/websocket/"]),
    (&["clap"], &["src/cli/", "src/main.rs"]),
    (&["leon"], &["src/chat/canned/text.rs"]),
    (&["deunicode"], &["src/runtime/edge/slug.rs"]),
    (&["jsonwebtoken"], &["src/runtime/edge/identity.rs"]),
    (
        &["governor"],
        &[
            "src/runtime/admission.rs",
            "src/runtime/admission/",
            "src/runtime/allowance.rs",
            "src/xmpp/rates.rs",
        ],
    ),
    // The core's types are no public format: they are serialized as they are only between nodes.
    (
        &["serde"],
        &[
            "src/wire/",
            "src/web/",
            "src/cli/",
            "src/chat/effect.rs",
            "src/chat/event.rs",
            "src/chat/hours.rs",
            "src/chat/ids.rs",
            "src/chat/model.rs",
            "src/chat/refusal.rs",
            "src/ports/routing.rs",
            "src/ports/settings.rs",
            "src/runtime/peers.rs",
            "src/runtime/socket_event.rs",
            "src/runtime/edge/",
            "src/store/",
        ],
    ),
    (&["std", "fs"], &["src/config/", "src/cli/"]),
    (&["std", "process"], &["src/main.rs", "src/world.rs", "src/chaos.rs"]),
    (&["unsafe"], &[]),
];

/// Names that the pure parts may not use.
const IMPURE: [&[&str]; 7] = [
    &["tokio"],
    &["async"],
    &["std", "fs"],
    &["std", "net"],
    &["std", "thread"],
    &["Instant"],
    &["tracing"],
];

/// The circles that may be, each with its reason.
const CIRCLES: [(&str, &[&str], &str); 3] = [
    (
        "cli/transcript",
        &["html", "json", "mod", "text"],
        "the module reads a transcript, and chooses one of the three forms of it",
    ),
    (
        "runtime",
        &["edge", "files"],
        "files ask whose a token is; the edge tells customers the limits of files",
    ),
    (
        "runtime/owner",
        &["background", "backpressure", "spoken", "term"],
        "a term has one of each, and they add methods to the term",
    ),
];

const MOST_LINES: usize = 450;
const MOST_LINES_OF_ONE: usize = 80;

#[test]
fn every_part_names_only_what_it_may() {
    let mut broken = Vec::new();
    for file in sources("src") {
        broken.extend(breaches(&name(&file), &read(&file)));
    }
    assert!(broken.is_empty(), "\n{}\n", broken.join("\n"));
}

#[test]
fn every_part_has_its_rule() {
    let parts: BTreeSet<String> = sources("src").iter().map(|file| part(&name(file))).collect();
    let known = MAY_NAME.iter().map(|(part, _)| (*part).to_owned()).chain(["lib".to_owned()]);
    assert_eq!(parts, known.collect());
}

#[test]
fn every_file_says_at_its_head_what_it_answers_for() {
    let silent: Vec<String> = [
        "src",
        "migrations/src",
        "tests/it",
        "tests/bench/src",
        "tests/chaos/src",
        "tests/cost/src",
        "tests/kit/src",
    ]
    .into_iter()
    .flat_map(sources)
    .filter(|file| !is_tests(&name(file)) && !read(file).starts_with("//! "))
    .map(|file| name(&file))
    .collect();
    assert!(silent.is_empty(), "these do not begin with `//! `: {silent:?}");
}

#[test]
fn no_files_of_a_folder_import_each_other_in_a_circle() {
    let sources: Vec<(String, String)> = production().collect();
    let allowed = CIRCLES.iter().map(|(folder, files, _)| {
        ((*folder).to_owned(), files.iter().map(|file| (*file).to_owned()).collect())
    });
    let allowed: BTreeSet<Circle> = allowed.collect();
    assert_eq!(circles(&sources), allowed, "left: found, right: allowed");
}

#[test]
fn a_circle_is_found() {
    let source = |file: &str, text: &str| (format!("src/chat/{file}"), text.to_owned());
    let sources = [
        source("mod.rs", "mod a; mod b; mod c; mod d; mod e;"),
        source("a.rs", "use super::{b::B, d};"),
        source("b.rs", "fn f(e: E) -> crate::chat::c::C { e }"),
        source("c.rs", "#[cfg(test)] mod tests { use super::super::e::E; } use super::a;"),
        source("d.rs", "pub(super) struct D; impl std::fmt::Display for D {}"),
        source("e/mod.rs", "mod f; pub(in crate::chat) struct E(f::F);"),
        source("e/f.rs", "use super::super::a::A; use super::E;"),
    ];
    let circle = |folder: &str, files: &[&str]| {
        (folder.to_owned(), files.iter().map(|file| (*file).to_owned()).collect::<Vec<_>>())
    };
    let expected = [circle("chat", &["a", "b", "c"]), circle("chat/e", &["f", "mod"])];
    assert_eq!(circles(&sources), BTreeSet::from(expected));
}

#[test]
fn no_file_and_no_function_is_too_long() {
    let mut long = Vec::new();
    for (file, source) in production() {
        if source.lines().count() > MOST_LINES {
            long.push(file.clone());
        }
        let mut all = Vec::new();
        functions(&parsed(&file, &source), &mut all);
        all.retain(|(_, lines)| *lines > MOST_LINES_OF_ONE);
        long.extend(all.into_iter().map(|(name, _)| format!("{file} {name}")));
    }
    assert!(long.is_empty(), "over {MOST_LINES} or {MOST_LINES_OF_ONE} lines: {long:?}");
}

#[test]
fn unsafe_code_is_forbidden_by_the_compiler_too() {
    let manifest = read(&root().join("Cargo.toml"));
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    let members = ["", "migrations/", "tests/bench/", "tests/chaos/", "tests/cost/", "tests/kit/"];
    for member in members.map(|folder| format!("{folder}Cargo.toml")) {
        let text = read(&root().join(&member));
        assert!(text.contains("[lints]\nworkspace = true"), "{member} does not take the lints");
    }
}

#[test]
fn clients_know_only_the_protocols() {
    for member in ["bench", "chaos", "kit"] {
        let manifest = read(&root().join(format!("tests/{member}/Cargo.toml")));
        assert!(!manifest.contains("\ncouplet = "), "tests/{member} uses what it is to check");
    }
}

#[test]
fn a_breach_is_found() {
    // Each sample breaks one rule, in a form that a search for `use crate::` would not find.
    let table = [
        ("src/chat/queue.rs", "use crate::store::SqlStore;", "store"),
        ("src/chat/queue.rs", "use crate::{chat::ids::Seq, wire};", "wire"),
        ("src/chat/desk/offer.rs", "fn f() { super::super::super::runtime::go() }", "runtime"),
        ("src/wire/mod.rs", "type T = Vec<crate::chat::ids::Seq>;", "chat"),
        ("src/bridge/clean.rs", "assert!(crate::ports::bus::X);", "ports"),
        ("src/store/log.rs", "use crate::{ports::store::{Log, Store}, cache as c};", "cache"),
        ("src/runtime/mod.rs", "use crate::wire::Entry;", "wire"),
        ("src/cli/mod.rs", "use crate::app::App;", "app"),
        ("src/main.rs", "use couplet::{app::App, store::SqlStore};", "store"),
        ("src/web/mod.rs", "fn f() -> anyhow::Result<()> { Ok(()) }", "anyhow"),
        ("src/runtime/mod.rs", "use std::{env, sync::Arc};", "std::env"),
        ("src/runtime/mod.rs", "use std::time::{Duration, SystemTime};", "SystemTime"),
        ("src/xmpp/mod.rs", "let id = uuid::Uuid::now_v7();", "Uuid::now_v7"),
        ("src/runtime/mod.rs", "use sea_orm::EntityTrait;", "sea_orm"),
        ("src/chat/mod.rs", "#[derive(serde::Serialize)] struct A;", "serde"),
        ("src/chat/mod.rs", "async fn f() {}", "async"),
        ("src/chat/mod.rs", "use std::time::Instant;", "Instant"),
        ("src/web/mod.rs", "unsafe { f() }", "unsafe"),
    ];
    for (file, source, what) in table {
        let found = breaches(file, &format!("//! x\n{source}\n"));
        assert_eq!(found.len(), 1, "{file}: {source}: {found:?}");
        assert!(found[0].starts_with(&format!("{file}:2: ")), "{found:?}");
        assert!(found[0].contains(&format!("`{what}`")), "{found:?}");
    }
    let fine = "//! See `crate::store`.\n/* use crate::store; */\nuse crate::chat::ids;\n\
                const A: &str = \"crate::store // \\\" anyhow\"; const B: &str = r#\"unsafe \"x\"#;\n\
                const C: char = '\"'; fn f<'a>(x: &'a str) { self.store.warp::<u8>(x) }\n\
                use super::model::Seq;\n#[cfg(test)]\nmod tests { use std::fs; async fn f() {} }\n";
    assert_eq!(breaches("src/chat/queue.rs", fine), [""; 0]);
}

#[test]
fn the_documents_point_at_what_is_there() {
    let mut broken = Vec::new();
    for file in documents() {
        let folder = file.parent().unwrap_or(Path::new("")).to_owned();
        for link in links(&read(&file)) {
            let path = link.split('#').next().unwrap_or_default();
            if !path.is_empty() && !folder.join(path).exists() {
                broken.push(format!("{}: {link}", name(&file)));
            }
            if let Some((path, anchor)) = link.split_once('#') {
                let target = if path.is_empty() { file.clone() } else { folder.join(path) };
                if target.exists() && !anchors(&read(&target)).contains(anchor) {
                    broken.push(format!("{}: {link}", name(&file)));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links to nothing:\n{}", broken.join("\n"));
}

#[test]
fn links_are_found() {
    let text = "See [a](b.md#c), ![p](d/e.png) and [web](https://example.org).\n```\n[no](x)\n```\n`[no](y)`\n";
    assert_eq!(links(text), ["b.md#c", "d/e.png"]);
    let heads = "# One `two`, three\n## At 3 a.m.\n```\n# no\n```\n";
    let expected = ["one-two-three", "at-3-am"].map(str::to_owned);
    assert_eq!(anchors(heads), BTreeSet::from(expected));
}

#[test]
fn the_operators_guide_and_the_example_know_the_same_keys() {
    let example = example_keys(&read(&root().join("deploy/couplet.example.toml")));
    let guide = guide_keys(&read(&root().join("docs/operations.md")));
    assert!(example.len() > 20, "{example:?}");
    assert_eq!(guide, example);
}

// ---- what a source names ----

/// The violations in a file, one line each.
fn breaches(file: &str, source: &str) -> Vec<String> {
    if is_tests(file) {
        return Vec::new();
    }
    let own = part(file);
    let mut broken = Vec::new();
    let mut say = |line: usize, what: &str, why: &str| {
        broken.push(format!("{file}:{line}: `{what}` {why}"));
    };
    for (line, path) in paths(file, source) {
        if let Some(named) = ours(file, &path) {
            let may =
                MAY_NAME.iter().find(|(part, _)| *part == own).map_or(&[][..], |(_, may)| may);
            if named != "chaos" && own != "lib" && named != own && !may.contains(&named.as_str()) {
                say(line, &named, &format!("is nothing that {own} may name"));
            }
        }
        for (kept, places) in KEPT {
            let allowed = places.iter().any(|place| file.starts_with(place));
            if !allowed && names(&path, kept) {
                say(line, &kept.join("::"), &format!("is kept to {places:?}"));
            }
        }
        if PURE.contains(&own.as_str()) {
            for impure in IMPURE {
                // Names that are restricted to a few files are reported above.
                if names(&path, impure) && KEPT.iter().all(|(kept, _)| *kept != impure) {
                    say(line, &impure.join("::"), "has no place in what is pure");
                }
            }
        }
    }
    broken
}

/// The part that a file belongs to: `src/chat/desk/mod.rs` to `chat`, `src/app.rs` to `app`.
fn part(file: &str) -> String {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    let first = inner.split('/').next().unwrap_or_default();
    first.strip_suffix(".rs").unwrap_or(first).to_owned()
}

/// Unit tests may use anything.
fn is_tests(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/") || file.ends_with("/scripted.rs")
}

/// The part of the crate that a path leads to, if it is ours.
fn ours(file: &str, path: &[String]) -> Option<String> {
    let head = path.first()?.as_str();
    let at = match head {
        "crate" => 1,
        "couplet" if file == "src/main.rs" => 1,
        "super" => {
            let ups = path.iter().take_while(|word| *word == "super").count();
            if ups < module(file).len() {
                return None;
            }
            ups
        }
        _ => return None,
    };
    let named = path.get(at)?;
    MAY_NAME.iter().any(|(part, _)| part == named).then(|| named.clone())
}

/// The module that a file is: `src/chat/desk/mod.rs` is `chat`, `desk`.
fn module(file: &str) -> Vec<String> {
    let inner = file.strip_prefix("src/").unwrap_or(file);
    let inner = inner.strip_suffix(".rs").unwrap_or(inner);
    inner.strip_suffix("/mod").unwrap_or(inner).split('/').map(str::to_owned).collect()
}

fn names(path: &[String], wanted: &[&str]) -> bool {
    // The name of a crate, or a keyword, counts at the start of a path; a type's anywhere.
    match wanted {
        [word] if word.chars().all(|c| c.is_ascii_lowercase() || c == '_') => {
            path.first().is_some_and(|first| first == word)
        }
        _ => path.windows(wanted.len()).any(|part| part == wanted),
    }
}

/// A word or a sign of a source, with its line number.
type Token = (usize, String);

/// A source without its `#[cfg(test)] mod … { … }`.
fn parsed(file: &str, source: &str) -> Vec<TokenTree> {
    let stream = TokenStream::from_str(source).unwrap_or_else(|error| panic!("{file}: {error}"));
    let mut trees: Vec<TokenTree> = stream.into_iter().collect();
    let is_test = |tree: &TokenTree| tree.to_string().replace(' ', "") == "[cfg(test)]";
    let mut from = 0;
    while let Some(mark) = trees[from..].iter().position(is_test).map(|at| from + at) {
        from = mark + 1;
        let Some(end) = trees[from..].iter().position(is_end).map(|at| from + at) else { break };
        let is_module = trees[from..end].iter().any(|tree| tree.to_string() == "mod");
        if is_module && matches!(trees[end], TokenTree::Group(_)) {
            trees.drain(mark - 1..=end);
            from = mark - 1;
        }
    }
    trees
}

/// Whether an item ends here: with its body or a semicolon.
fn is_end(tree: &TokenTree) -> bool {
    match tree {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(sign) => sign.as_char() == ';',
        _ => false,
    }
}

/// Words, `::` and single signs; without comments and literals.
fn tokens(trees: impl IntoIterator<Item = TokenTree>, found: &mut Vec<Token>) {
    let mut half = false;
    for tree in trees {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::Parenthesis | Delimiter::None => ("(", ")"),
                };
                found.push((line, open.to_owned()));
                tokens(group.stream(), found);
                found.push((group.span_close().start().line, close.to_owned()));
            }
            TokenTree::Punct(sign) if sign.as_char() == ':' && half => {
                half = false;
                found.pop();
                found.push((line, "::".to_owned()));
            }
            TokenTree::Punct(sign) => {
                half = sign.as_char() == ':' && sign.spacing() == Spacing::Joint;
                found.push((line, sign.to_string()));
            }
            TokenTree::Ident(word) => found.push((line, word.to_string())),
            TokenTree::Literal(_) => {}
        }
    }
}

/// The functions of a source, each with the number of lines from `fn` to its last brace.
fn functions(trees: &[TokenTree], found: &mut Vec<(String, usize)>) {
    for (at, tree) in trees.iter().enumerate() {
        if let TokenTree::Group(group) = tree {
            functions(&group.stream().into_iter().collect::<Vec<_>>(), found);
        }
        let (TokenTree::Ident(word), Some(TokenTree::Ident(name))) = (tree, trees.get(at + 1))
        else {
            continue;
        };
        if *word == "fn"
            && let Some(TokenTree::Group(body)) = trees[at..].iter().find(|tree| is_end(tree))
        {
            let lines = body.span_close().end().line - word.span().start().line + 1;
            found.push((name.to_string(), lines));
        }
    }
}

/// Every path of a source, with groups (`a::{b, c::d}`) expanded.
fn paths(file: &str, source: &str) -> Vec<(usize, Vec<String>)> {
    let (mut tokens, mut found) = (Vec::new(), Vec::new());
    self::tokens(parsed(file, source), &mut tokens);
    let mut i = 0;
    while i < tokens.len() {
        let before = i.checked_sub(1).map_or("", |at| tokens[at].1.as_str());
        // No field, no lifetime, no `pub(in …)`.
        let in_visibility = before == "in" && i > 1 && tokens[i - 2].1 == "(";
        if is_word(&tokens[i].1) && !matches!(before, "." | "'") && !in_visibility {
            i = path(&tokens, i, &[], &mut found);
        } else {
            i += 1;
        }
    }
    found
}

/// Reads one path from its first word on; returns where it ends.
fn path(
    tokens: &[Token],
    from: usize,
    prefix: &[String],
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let token = |i: usize| tokens.get(i).map_or("", |(_, token)| token.as_str());
    let (mut whole, mut i) = (prefix.to_vec(), from);
    whole.push(tokens[from].1.clone());
    i += 1;
    while token(i) == "::" {
        if token(i + 1) == "{" {
            i += 2;
            while i < tokens.len() && token(i) != "}" {
                i = if is_word(token(i)) { path(tokens, i, &whole, found) } else { i + 1 };
                if token(i) == "as" {
                    i += 2;
                }
            }
            return i + 1;
        }
        if !is_word(token(i + 1)) {
            break;
        }
        whole.push(token(i + 1).to_owned());
        i += 2;
    }
    found.push((tokens[from].0, whole));
    i
}

fn is_word(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

// ---- circles ----

/// A folder and the files of it that import each other, directly or through others; `mod` is the
/// folder's own module, the name of a folder all that is in it.
type Circle = (String, Vec<String>);

/// The circles of the sources, given by name and content.
fn circles(sources: &[(String, String)]) -> BTreeSet<Circle> {
    let modules: BTreeSet<Vec<String>> = sources.iter().map(|(file, _)| module(file)).collect();
    let mut folders: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for (file, source) in sources {
        let own = module(file);
        for (_, path) in paths(file, source) {
            let Some(other) = target(&own, &path, &modules) else { continue };
            let shared = own.iter().zip(&other).take_while(|(a, b)| a == b).count();
            let node = |path: &[String]| path.get(shared).map_or("mod", String::as_str).to_owned();
            // What the parts of the crate may name of each other is said above.
            if shared > 0 && node(&own) != node(&other) {
                let folder = folders.entry(own[..shared].join("/")).or_default();
                folder.entry(node(&own)).or_default().insert(node(&other));
            }
        }
    }
    let mut found = BTreeSet::new();
    for (folder, imports) in &folders {
        let reached: BTreeMap<&String, BTreeSet<&String>> =
            imports.keys().map(|file| (file, reach(file, imports))).collect();
        for (file, those) in &reached {
            let back = |other: &&&String| reached.get(*other).is_some_and(|r| r.contains(file));
            let circle: Vec<String> = those.iter().filter(back).map(|s| (*s).clone()).collect();
            if !circle.is_empty() {
                found.insert((folder.clone(), circle));
            }
        }
    }
    found
}

/// The module of ours that a path leads to.
fn target(own: &[String], path: &[String], modules: &BTreeSet<Vec<String>>) -> Option<Vec<String>> {
    let head = path.first()?.as_str();
    let ups = path.iter().take_while(|word| *word == "super").count();
    let (base, rest) = match head {
        "crate" => (&[][..], &path[1..]),
        "self" => (own, &path[1..]),
        "super" => (own.get(..own.len().checked_sub(ups)?)?, &path[ups..]),
        _ => (own, path),
    };
    let whole = [base, rest].concat();
    // `pub(super)`, a word that is no path.
    if rest.is_empty() || head == rest[0] && (rest.len() == 1 || !is_module_of(own, head, modules))
    {
        return None;
    }
    (1..=whole.len()).rev().map(|n| whole[..n].to_vec()).find(|part| modules.contains(part))
}

fn is_module_of(own: &[String], child: &str, modules: &BTreeSet<Vec<String>>) -> bool {
    modules.contains(&[own, &[child.to_owned()]].concat())
}

/// All that a file imports, directly or through others.
fn reach<'a>(
    from: &'a String,
    imports: &'a BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<&'a String> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        let new = imports.get(file).into_iter().flatten().filter(|file| reached.insert(*file));
        next.extend(new.collect::<Vec<_>>());
    }
    reached
}

// ---- documents ----

fn documents() -> Vec<PathBuf> {
    let mut all = vec![root().join("README.md"), root().join("CHANGELOG.md")];
    all.extend(["CONTRIBUTING.md", "widget/README.md"].map(|file| root().join(file)));
    let docs = fs::read_dir(root().join("docs")).expect("docs/ is there");
    all.extend(docs.map(|entry| entry.expect("an entry").path()));
    all.retain(|file| file.extension().is_some_and(|ext| ext == "md") && file.exists());
    all
}

/// The lines of a document that are not code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The targets of a document's links, except external ones.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(text) {
        let plain: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let mut rest = plain.as_str();
        while let Some((_, after)) = rest.split_once("](") {
            let (link, behind) = after.split_once(')').unwrap_or((after, ""));
            if !link.contains("://") && !link.starts_with("mailto:") {
                found.push(link.to_owned());
            }
            rest = behind;
        }
    }
    found
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> BTreeSet<String> {
    let heads = prose(text).filter(|line| line.starts_with('#'));
    let heads = heads.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ');
    heads
        .map(|head| head.chars().filter(|c| kept(*c)).collect::<String>().replace(' ', "-"))
        .collect()
}

/// `section.key` of every key in the example configuration, set or commented out.
fn example_keys(toml: &str) -> BTreeSet<String> {
    let mut section = String::new();
    let mut keys = BTreeSet::new();
    for line in toml.lines() {
        let line = line.strip_prefix("#:").unwrap_or(line).trim();
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

/// The keys in the first column of the guide's tables of settings.
fn guide_keys(guide: &str) -> BTreeSet<String> {
    const SECTIONS: [&str; 8] =
        ["http", "admin", "database", "cache", "files", "links", "limits", "log"];
    let first = guide.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    first
        .filter_map(|(key, _)| {
            let (section, name) = key.split_once('.')?;
            let is_key = name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            (is_key && SECTIONS.contains(&section)).then(|| key.to_owned())
        })
        .collect()
}

// ---- files ----

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// A file's path from the root of the repository.
fn name(file: &Path) -> String {
    let mut name = String::new();
    let inner = file.strip_prefix(root()).unwrap_or(file);
    for part in inner.components() {
        let slash = if name.is_empty() { "" } else { "/" };
        let _ = write!(name, "{slash}{}", part.as_os_str().to_string_lossy());
    }
    name
}

/// The sources of the crate without its tests: their names and contents.
fn production() -> impl Iterator<Item = (String, String)> {
    let all = sources("src").into_iter().map(|file| (name(&file), read(&file)));
    all.filter(|(file, _)| !is_tests(file))
}

/// Every source file below a folder, in order.
fn sources(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ext| ext == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
