//! Turns names into the readable part of an address.
//!
//! Invariant: a slug has at most 20 characters of `[a-z0-9-]`, begins and ends with a letter or a
//! digit, and has at least two letters: enough to tell customers apart, whatever script a name is
//! in.

use deunicode::deunicode;

/// The longest slug; random characters are added to it.
const CHARS: usize = 20;

/// The slug of a name; `None` if nothing is left of it.
pub(super) fn of(name: &str) -> Option<String> {
    let mut slug = String::with_capacity(CHARS);
    for c in deunicode(name).chars() {
        match c.to_ascii_lowercase() {
            c if c.is_ascii_alphanumeric() => slug.push(c),
            // As in O'Brien.
            '\'' | '`' => {}
            _ if slug.is_empty() || slug.ends_with('-') => {}
            _ => slug.push('-'),
        }
        if slug.len() == CHARS {
            break;
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    let letters = slug.bytes().filter(u8::is_ascii_lowercase).count();
    (letters >= 2).then_some(slug)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_any_script() {
        let table = [
            ("Ann", Some("ann")),
            ("Ann Lee", Some("ann-lee")),
            ("  Zoë  Müller-Groß ", Some("zoe-muller-gross")),
            ("Søren Łukasz", Some("soren-lukasz")),
            ("O'Brien", Some("obrien")),
            ("Мария", Some("mariia")),
            ("Bartholomew Fotheringhay", Some("bartholomew-fothering"[..20].trim_end_matches('-'))),
            ("X", None),
            ("42", None),
            ("…", None),
            ("--", None),
        ];
        for (name, slug) in table {
            assert_eq!(of(name).as_deref(), slug, "{name}");
        }
    }

    proptest! {
        #[test]
        fn any_name_makes_a_good_address(name in any::<String>()) {
            if let Some(slug) = of(&name) {
                prop_assert!(slug.len() <= CHARS);
                let good = crate::chat::ids::Localpart::new(&format!("{slug}-abcdefghij"));
                prop_assert!(good.is_ok(), "{slug}");
                prop_assert!(!slug.ends_with('-'));
            }
        }
    }
}
