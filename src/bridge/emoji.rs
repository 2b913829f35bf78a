//! Which texts are emoji, and so can be reactions.

use icu_properties::CodePointSetData;
use icu_properties::props::{Emoji, EmojiComponent, ExtendedPictographic, RegionalIndicator};

/// The longest emoji, in characters: some are composed of many.
const CHARS: usize = 16;
/// Makes a keycap of a digit.
const KEYCAP: char = '\u{20e3}';

/// A text that shows pictures and nothing else.
pub fn emoji(raw: &str) -> Option<&str> {
    let text = raw.trim();
    let pictures = CodePointSetData::new::<ExtendedPictographic>();
    let flags = CodePointSetData::new::<RegionalIndicator>();
    let (emoji, parts) =
        (CodePointSetData::new::<Emoji>(), CodePointSetData::new::<EmojiComponent>());
    let is_picture = |c| pictures.contains(c) || flags.contains(c) || c == KEYCAP;
    let fits = text.chars().nth(CHARS).is_none()
        && text.chars().all(|c| is_picture(c) || emoji.contains(c) || parts.contains(c))
        && text.chars().any(is_picture);
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pictures_are_reactions() {
        for good in ["👍", " 👍🏽 ", "❤️", "❤", "🇩🇪", "1️⃣", "👩‍👩‍👧‍👦", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "✖", "❌", "🫠"]
        {
            assert_eq!(emoji(good), Some(good.trim()), "{good}");
        }
        for bad in ["", " ", "1", "+1", "LOL", "👍 ok", "👍a", "\u{200d}", "\u{fe0f}", "👍\n👍"]
        {
            assert_eq!(emoji(bad), None, "{bad:?}");
        }
        assert_eq!(emoji(&"👍".repeat(17)), None);
    }
}
