//! What a customer filled in earlier: a map by field, in the order in which the fields came.
//!
//! Invariant: however often a customer fills in a form, a conversation holds at most [`FIELDS`]
//! answers of together at most [`BYTES`]; of several answers in one field the last counts.

use std::sync::Arc;

use super::row::Answers;

pub const FIELDS: usize = 32;
/// Limit for the fields and answers of a conversation together, in bytes.
pub const BYTES: usize = 16 * 1024;

/// Adds answers to the known ones and returns those that changed something. What would exceed the
/// limits is dropped: a new field, or a longer answer in a known field, which keeps its old answer.
pub(super) fn merge(
    known: &mut Answers,
    given: impl IntoIterator<Item = (Arc<str>, Arc<str>)>,
) -> Answers {
    // Each field once, with its last answer: merging the returned answers again after a restart
    // leads to the same result.
    let mut last = Answers::new();
    for (field, answer) in given {
        match last.iter_mut().find(|(other, _)| *other == field) {
            Some(other) => other.1 = answer,
            None => last.push((field, answer)),
        }
    }
    let mut bytes: usize = known.iter().map(size).sum();
    last.retain(|new| {
        let has_room = known.len() < FIELDS;
        let at = known.iter_mut().find(|(field, _)| *field == new.0);
        let freed = at.as_ref().map_or(0, |before| size(before));
        if bytes - freed + size(new) > BYTES {
            return false;
        }
        match at {
            Some(before) if before.1 == new.1 => return false,
            Some(before) => before.1 = new.1.clone(),
            None if has_room => known.push(new.clone()),
            None => return false,
        }
        bytes = bytes - freed + size(new);
        true
    });
    last
}

fn size((field, answer): &(Arc<str>, Arc<str>)) -> usize {
    field.len() + answer.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(given: &[(&str, &str)]) -> Answers {
        given.iter().map(|(field, answer)| ((*field).into(), (*answer).into())).collect()
    }

    #[test]
    fn the_last_answer_in_a_field_counts_and_only_what_changes_is_given() {
        let mut known = Answers::new();
        let first = answers(&[("name", "Ann"), ("order", "7"), ("name", "Anna")]);
        assert_eq!(merge(&mut known, first), answers(&[("name", "Anna"), ("order", "7")]));
        assert_eq!(merge(&mut known, answers(&[("order", "7")])), Answers::new());
        let second = answers(&[("order", "8"), ("note", "")]);
        assert_eq!(merge(&mut known, second.clone()), second);
        assert_eq!(known, answers(&[("name", "Anna"), ("order", "8"), ("note", "")]));
    }

    #[test]
    fn fields_and_bytes_are_bounded_whatever_is_given() {
        let mut known = Answers::new();
        for turn in 0..1_000 {
            let given = (0..40).map(|field| {
                let answer = "x".repeat((turn * 7 + field * 131) % 3_000);
                (format!("f{}", field + turn % 50).into(), answer.into())
            });
            merge(&mut known, given);
            let bytes: usize = known.iter().map(size).sum();
            assert!(known.len() <= FIELDS && bytes <= BYTES, "{} {bytes}", known.len());
        }
        assert_eq!(known.len(), FIELDS);
        // What is there may still become shorter, or another of the same length.
        let (field, _) = known[0].clone();
        assert_eq!(merge(&mut known, [(field.clone(), "y".into())]), [(field, "y".into())]);
    }

    #[test]
    fn an_answer_too_long_leaves_the_one_before() {
        let mut known = answers(&[("a", "1")]);
        let long = "x".repeat(BYTES);
        assert_eq!(merge(&mut known, answers(&[("a", &long), ("b", "2")])), answers(&[("b", "2")]));
        assert_eq!(known, answers(&[("a", "1"), ("b", "2")]));
    }
}
