//! Whether a file is text, in any of the common encodings.
//!
//! Invariant: text has no control characters except white space, so no program and no picture is
//! taken for text.

use std::borrow::Cow;

use super::look::HEAD;

/// The text if it is Unicode, else `None`.
pub(super) fn unicode(head: &[u8]) -> Option<Cow<'_, str>> {
    let odd = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    let is_text = |text: &Cow<'_, str>| !text.is_empty() && !text.contains(odd);
    // ASCII in UTF-16 is UTF-8 with a control character after each letter.
    utf8(head).map(Cow::from).filter(is_text).or_else(|| utf16(head).map(Cow::from).filter(is_text))
}

fn utf8(head: &[u8]) -> Option<&str> {
    match std::str::from_utf8(head) {
        Ok(text) => Some(text),
        // The last character may be cut off.
        Err(error) if head.len() >= HEAD && error.error_len().is_none() => {
            std::str::from_utf8(head.get(..error.valid_up_to())?).ok()
        }
        Err(_) => None,
    }
}

fn utf16(head: &[u8]) -> Option<String> {
    let (is_little, rest) = match head {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        _ => (is_little(head)?, head),
    };
    if rest.len() % 2 == 1 && head.len() < HEAD {
        return None;
    }
    let mut units: Vec<u16> = rest
        .chunks_exact(2)
        .filter_map(|pair| <[u8; 2]>::try_from(pair).ok())
        .map(|pair| if is_little { u16::from_le_bytes(pair) } else { u16::from_be_bytes(pair) })
        .collect();
    if head.len() >= HEAD {
        // As above.
        units.pop_if(|last| (0xd800..0xdc00).contains(last));
    }
    String::from_utf16(&units).ok()
}

/// The byte order if there is no mark: most text has many characters whose upper half is 0.
fn is_little(head: &[u8]) -> Option<bool> {
    let pairs = head.chunks_exact(2);
    let many = pairs.len().div_ceil(2);
    let (mut first, mut second) = (0, 0);
    for pair in pairs {
        first += usize::from(pair.first() == Some(&0));
        second += usize::from(pair.last() == Some(&0));
    }
    match (first, second) {
        (0, zeros) if zeros >= many && zeros > 0 => Some(true),
        (zeros, 0) if zeros >= many && zeros > 0 => Some(false),
        _ => None,
    }
}

/// Text in an 8-bit or multibyte encoding such as Windows-1252, KOI8-R, Shift JIS or GB 18030, of
/// which only the ASCII letters are read; `None` if it is not text. Tried last: the signatures of
/// some formats look like text.
pub(super) fn of_bytes(head: &[u8]) -> Option<String> {
    // Escapes switch between the alphabets of ISO 2022.
    let odd = |byte: &u8| {
        *byte == 0x7f || *byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b)
    };
    (!head.is_empty() && !head.iter().any(odd))
        .then(|| head.iter().copied().map(char::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unicode_is_text_in_every_order_of_its_bytes() {
        let words = "Grüße;1,5 €\r\n日本";
        let pairs = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            words.encode_utf16().flat_map(order).collect()
        };
        let (little, big) = (pairs(u16::to_le_bytes), pairs(u16::to_be_bytes));
        let marked = |mark: &[u8], rest: &[u8]| [mark, rest].concat();
        for bytes in [
            words.as_bytes().to_vec(),
            marked(b"\xff\xfe", &little),
            marked(b"\xfe\xff", &big),
            little.clone(),
            big,
        ] {
            let text = unicode(&bytes).unwrap();
            assert_eq!(text.trim_start_matches('\u{feff}'), words, "{}", bytes.escape_ascii());
        }
        // Cut in the middle of a character if it is long.
        let long = marked(
            b"\xff\xfe",
            &"x😀".repeat(HEAD).encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>(),
        );
        for cut in [HEAD, HEAD + 1, HEAD + 2, HEAD + 3, HEAD + 4, HEAD + 5] {
            assert!(unicode(&long[..cut]).is_some(), "{cut}");
        }
        for bytes in [
            &b""[..],
            b"a\0",
            b"\xff\xfea",
            b"\0\0\0\0",
            b"\xff\xfe\0\xd8",
            b"a\0\x01\0",
            b"\xff\xfe\0\0a\0\0\0",
        ] {
            let expected = bytes == b"a\0";
            assert_eq!(unicode(bytes).is_some(), expected, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn bytes_without_controls_are_text() {
        for text in [
            &b"caf\xe9;1\r\n"[..],
            b"\x93smart\x94 \x80 5",
            b"\x1b$B$\"\x1b(B",
            b"\x83\x65\x83\x58",
        ] {
            assert!(of_bytes(text).is_some(), "{}", text.escape_ascii());
        }
        for binary in [&b""[..], b"\0", b"\x01\xff", b"a\x08", b"\x7fELF"] {
            assert!(of_bytes(binary).is_none(), "{}", binary.escape_ascii());
        }
    }
}
