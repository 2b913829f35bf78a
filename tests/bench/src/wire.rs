//! Protocols, as bytes.
//!
//! The generator must use far less CPU than what it measures, and it handles every message of every
//! side: so nothing here builds a tree, decodes JSON or allocates per message. It searches the
//! input for the few marks it needs, and writes into buffers that are reused. Invariant: this is no
//! parser for untrusted input; it reads what our own servers write.

pub(crate) mod json;
pub(crate) mod stanza;
pub(crate) mod websocket;
pub(crate) mod words;

use memchr::memmem;

/// The bytes between two marks, and those after the second.
pub(crate) fn between<'a>(bytes: &'a [u8], from: &[u8], to: &[u8]) -> Option<&'a [u8]> {
    let rest = after(bytes, from)?;
    rest.get(..memmem::find(rest, to)?)
}

/// The bytes after a mark.
pub(crate) fn after<'a>(bytes: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    bytes.get(memmem::find(bytes, mark)? + mark.len()..)
}

pub(crate) fn has(bytes: &[u8], mark: &[u8]) -> bool {
    memmem::find(bytes, mark).is_some()
}

/// The decimal number at the beginning.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit());
    let mut found = None;
    for digit in digits {
        found = Some(found.unwrap_or(0_u64).wrapping_mul(10) + u64::from(digit - b'0'));
    }
    found
}

pub(crate) fn put(out: &mut Vec<u8>, parts: &[&[u8]]) {
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Writes a decimal number, padded to at least ten digits.
pub(crate) fn write_number(out: &mut Vec<u8>, number: u64) {
    let mut digits = [b'0'; 20];
    let (mut rest, mut first) = (number, digits.len());
    for (at, digit) in digits.iter_mut().enumerate().rev() {
        if rest == 0 && at < 10 {
            break;
        }
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
        first = at;
    }
    out.extend_from_slice(digits.get(first..).unwrap_or_default());
}

#[cfg(test)]
mod tests;
