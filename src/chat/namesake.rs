//! Customers whose name looks like that of an agent.
//!
//! Invariant: names that a person would take for the same are recognized as alike, however they are
//! written: case, width, accents, blanks, punctuation or look-alike letters (UTS 39).

use std::collections::BTreeSet;
use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;
use unicode_security::skeleton;

/// Names that no customer is shown under unchanged.
#[derive(Debug, Default)]
pub struct Namesakes(BTreeSet<String>);

impl Namesakes {
    /// From the names of the people whom customers talk to.
    pub fn of<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> Self {
        Self(names.flat_map(|name| shapes(name)).collect())
    }

    /// A customer's name as agents see it: marked "(customer)" where it looks like one of these
    /// names.
    pub fn told_apart(&self, name: &Arc<str>) -> Arc<str> {
        let like = shapes(name).iter().any(|shape| self.0.contains(shape));
        if like { format!("{name} (customer)").into() } else { name.clone() }
    }
}

/// What a name looks like: once with its letters as written (a capital I may pass for an l), once
/// in lower case.
fn shapes(name: &str) -> Vec<String> {
    let wide = name.nfkc().collect::<String>();
    let shape = |name: &str| {
        let bare = skeleton(name).nfkd().filter(|c| c.is_alphanumeric()).collect::<String>();
        // A capital I, a small l and a 1 look alike; so an i has to count as one of them too.
        bare.to_lowercase().replace('i', "l")
    };
    let shapes = [shape(&wide), shape(&wide.to_lowercase())];
    shapes.into_iter().filter(|shape| !shape.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_customer_named_like_an_agent_is_marked() {
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
