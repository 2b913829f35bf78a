//! The proof that the checker can fail: every mutant must be detected by the violations it causes.

use crate::judge::Class;
use crate::{Arguments, run, say};

/// A mutant, and the violations by which it may be detected.
type Mutant = (&'static str, &'static [Class]);

const MUTANTS: [Mutant; 7] = [
    ("cursor-early", &[Class::Undelivered, Class::FalseReceipt]),
    ("dedup-off", &[Class::Doubled]),
    ("dedup-per-conversation", &[Class::Doubled]),
    ("ack-before-commit", &[Class::LostAcked, Class::LostTicked, Class::Phantom]),
    (
        "fence-unlocked",
        &[Class::LostAcked, Class::LostTicked, Class::Phantom, Class::SeqGap, Class::TwoIds],
    ),
    ("last-notice-dropped", &[Class::EntryMissing]),
    ("requeue-forgets-backlog", &[Class::Undelivered]),
];

/// How many seeds are tried before a mutant counts as not detected.
const TRIES: u64 = 3;

/// Runs every mutant; returns whether all were detected.
pub(crate) async fn all(arguments: &Arguments) -> anyhow::Result<bool> {
    let mut missed = Vec::new();
    for (name, classes) in MUTANTS {
        let mut caught = None;
        for attempt in 0..TRIES {
            let seed = arguments.seed + attempt;
            let mutated = Arguments { mutant: Some(name.to_owned()), seed, ..arguments.clone() };
            let verdict = run::run(&mutated).await?;
            caught = verdict.classes().into_keys().find(|class| classes.contains(class));
            if caught.is_some() {
                break;
            }
        }
        match caught {
            Some(class) => say(&format!("== {name}: caught ({class:?})")),
            None => {
                say(&format!("== {name}: NOT CAUGHT"));
                missed.push(name);
            }
        }
    }
    say(&format!("{} of {} mutants caught", MUTANTS.len() - missed.len(), MUTANTS.len()));
    Ok(missed.is_empty())
}
