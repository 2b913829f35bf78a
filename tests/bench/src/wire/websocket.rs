//! The client's side of WebSocket (RFC 6455): the upgrade, and frames.
//!
//! The masking key is zero, so the payload is unchanged; the server's work is the same.

use memchr::memmem;

use super::between;

pub(crate) fn upgrade(out: &mut Vec<u8>, path: &str, host: &str, protocol: Option<&str>) {
    let protocol = protocol.map(|name| format!("Sec-WebSocket-Protocol: {name}\r\n"));
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{}\r\n",
        protocol.unwrap_or_default()
    );
    out.extend_from_slice(request.as_bytes());
}

/// The length of the response to the upgrade; `None` while it is incomplete.
///
/// # Errors
/// If the server refuses.
pub(crate) fn upgraded(bytes: &[u8]) -> anyhow::Result<Option<usize>> {
    let Some(end) = memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let status = between(bytes, b" ", b"\r\n").unwrap_or_default();
    anyhow::ensure!(status.starts_with(b"101"), "refused: {}", String::from_utf8_lossy(status));
    Ok(Some(end + 4))
}

/// Writes a text frame, whose payload is written by `write`.
pub(crate) fn text(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    frame(out, 0x81, write);
}

fn frame(out: &mut Vec<u8>, first: u8, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[first, 0x80, 0, 0, 0, 0]);
    write(out);
    let length = out.len() - start - 6;
    let short = u8::try_from(length).ok().filter(|length| *length < 126);
    if let Some(second) = out.get_mut(start + 1) {
        *second = 0x80 | short.unwrap_or(126);
    }
    if short.is_none() {
        // No message of ours is near 64 KiB.
        let long = u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes();
        out.splice(start + 2..start + 2, long);
    }
}

/// A message from the server.
#[derive(Debug, PartialEq)]
pub(crate) enum Said<'a> {
    Text(&'a [u8]),
    /// A ping, to be answered with the same payload.
    Ping(&'a [u8]),
    Closed(Option<u16>),
}

pub(crate) fn pong(out: &mut Vec<u8>, ping: &[u8]) {
    frame(out, 0x8a, |out| out.extend_from_slice(ping));
}

/// One frame: whether it is the last of its message, its opcode, its payload, its length.
fn head(bytes: &[u8]) -> Option<(bool, u8, &[u8], usize)> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, header) = match second & 0x7f {
        126 => {
            let long: [u8; 2] = bytes.get(2..4)?.try_into().ok()?;
            (usize::from(u16::from_be_bytes(long)), 4)
        }
        127 => {
            let long: [u8; 8] = bytes.get(2..10)?.try_into().ok()?;
            (usize::try_from(u64::from_be_bytes(long)).ok()?, 10)
        }
        short => (usize::from(short), 2),
    };
    let payload = bytes.get(header..header + length)?;
    Some((first & 0x80 != 0, first & 0x0f, payload, header + length))
}

/// Reassembles messages from frames.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// The parts so far of a message in several frames.
    parts: Vec<u8>,
}

impl Reader {
    /// Passes each complete message on; returns how many bytes are used.
    pub(crate) fn read(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Said<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<usize> {
        let mut used = 0;
        while let Some((last, opcode, payload, length)) = head(bytes.get(used..).unwrap_or(&[])) {
            match opcode {
                0 | 1 if !last => self.parts.extend_from_slice(payload),
                0 => {
                    self.parts.extend_from_slice(payload);
                    let whole = std::mem::take(&mut self.parts);
                    take(Said::Text(&whole))?;
                }
                1 => take(Said::Text(payload))?,
                8 => {
                    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
                    take(Said::Closed(code))?;
                }
                9 => take(Said::Ping(payload))?,
                _ => {}
            }
            used += length;
        }
        Ok(used)
    }
}
