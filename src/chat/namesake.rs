//! Who is named like somebody else.
//!
//! Invariant: two names that a person would take for the same are like each other, whatever case,
//! width, accents, blanks, signs or look-alike letters (UTS 39) they are written with.

use std::collections::BTreeSet;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// Names that no customer is shown under as they are.
#[derive(Debug, Default)]
pub struct Namesakes(BTreeSet<String>);

impl Namesakes {
    /// Those of the people that customers talk to.
    pub fn of<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> Self {
        Self(names.flat_map(|name| shapes(name)).collect())
    }

    /// A customer's name as agents are shown it: with a word that says who it is, where it is like
    /// one of these.
    pub fn told_apart(&self, name: &Arc<str>) -> Arc<str> {
        let like = shapes(name).iter().any(|shape| self.0.contains(shape));
        if like { format!("{name} (customer)").into() } else { name.clone() }
    }
}

/// What is left of a name where only its look counts: of the letters as they are, for I may stand for
/// l, and of the small ones.
fn shapes(name: &str) -> Vec<String> {
    let wide = name.nfkc().collect::<String>();
    let shape = |name: &str| {
        let bare = skeleton(name).nfkd().filter(|c| c.is_alphanumeric()).collect::<String>();
        // A capital I, a small l and a 1 are one; so is then an i.
        bare.to_lowercase().replace('i', "l")
    };
    let shapes = [shape(&wide), shape(&wide.to_lowercase())];
    shapes.into_iter().filter(|shape| !shape.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_named_like_an_agent_is_told_apart() {
        let agents = ["Alice", "Jörg Müller", "Ольга"].map(Arc::from);
        let names = Namesakes::of(agents.iter());
        for like in [
            "Alice",
            "alice",
            "ALICE",
            "A l i c e",
            "Alice.",
            "-Alice-",
            "Ａｌｉｃｅ",
            "aIice",
            "Al1ce",
            "Аlice",
            "Al\u{200b}ice",
            "Alicé",
            "jorg muller",
            "JÖRGMÜLLER",
            "ольга",
            "A\u{a0}lice",
            "𝓐lice",
        ] {
            let told = names.told_apart(&like.into());
            assert_eq!(&*told, format!("{like} (customer)"), "{like:?}");
        }
        for other in ["Ann", "Alice Smith", "Malice", "Alic", "Bob", "…"] {
            assert_eq!(&*names.told_apart(&other.into()), other);
        }
    }
}
