//! What customers say: a number by which each message is known, and words up to 64 bytes.

use super::{after, number, write_number};

/// Makes 64 bytes with the number before it.
const PAD: &[u8] = b" Do the notebooks lie flat, and is the blue one here?";

/// Writes the words of a message.
pub(crate) fn write(out: &mut Vec<u8>, message: u64) {
    out.push(b'#');
    write_number(out, message);
    out.extend_from_slice(PAD);
}

/// The number of the message in these words.
pub(crate) fn read(words: &[u8]) -> Option<u64> {
    number(after(words, b"#")?)
}
