//! The text of customers' messages: a number that identifies the message, padded to 64 bytes.

use super::{after, number, write_number};

/// Padding to 64 bytes, together with the number.
const PAD: &[u8] = b" Do the notebooks lie flat, and is the blue one here?";

/// Writes the text of a message.
pub(crate) fn write(out: &mut Vec<u8>, message: u64) {
    out.push(b'#');
    write_number(out, message);
    out.extend_from_slice(PAD);
}

/// The number of the message with this text.
pub(crate) fn read(words: &[u8]) -> Option<u64> {
    number(after(words, b"#")?)
}
