//! Removes metadata from pictures: where they were taken, with what, and by whom.
//!
//! Invariants: of a picture whose format is known, only the parts that are needed to show it are
//! kept, and of its EXIF only the orientation. A picture that cannot be parsed is kept unchanged if
//! it contains no metadata, and refused if it might. The cost is bounded by the size of the
//! picture.

use bytes::{Bytes, BytesMut};
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::Png;
use img_parts::riff::RiffContent;
use img_parts::webp::{CHUNK_VP8X, WebP};
use img_parts::{ImageEXIF as _, ImageEncoder};
use memchr::{memchr, memmem};

/// The largest picture in bytes: it is in memory while its metadata is removed.
pub(super) const MOST: u64 = 32 * 1024 * 1024;
/// The most segments of a JPEG before its first scan. A colour profile may take 255.
const SEGMENTS: usize = 2_000;
/// The largest EXIF that is searched for the orientation, in bytes.
const EXIF: usize = 1024 * 1024;

/// The chunks of a PNG that are needed to show it, animated or not.
const PNG: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT",
    b"bKGD", b"pHYs", b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL",
];
/// A frame of an animated PNG.
const PNG_FRAME: &[u8; 4] = b"fdAT";
const WEBP: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// The flag of a WebP that says that it has XMP.
const WEBP_XMP: u8 = 0x04;

/// Signs of metadata in a picture that cannot be parsed.
const TELLING: [&[u8]; 7] = [
    b"Exif\0\0",
    b"eXIf",
    b"EXIF",
    b"XMP ",
    b"adobe.com/xap",
    b"com.adobe.xmp",
    b"Raw profile type",
];

/// The picture formats that can be parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    Jpeg,
    Png,
    WebP,
}

impl Picture {
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "image/jpeg" => Some(Self::Jpeg),
            "image/png" => Some(Self::Png),
            "image/webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// The picture without metadata; `None` if it cannot be parsed.
    pub(super) fn bare(self, whole: Bytes) -> Option<Bytes> {
        let bare = match self {
            Self::Jpeg => jpeg(&whole),
            Self::Png => png(&whole),
            Self::WebP => webp(&whole),
        };
        bare.or_else(|| {
            let tells = TELLING.iter().any(|telling| memmem::find(&whole, telling).is_some());
            (!tells).then_some(whole)
        })
    }
}

fn jpeg(whole: &Bytes) -> Option<Bytes> {
    if !has_few_segments(whole) {
        return None;
    }
    let mut jpeg = Jpeg::from_bytes(whole.clone()).ok()?;
    let turned = jpeg.exif().and_then(|exif| orientation(&exif));
    let segments = jpeg.segments_mut();
    segments.retain(is_shown);
    if let Some(scan) = segments.pop_if(|last| last.has_entropy()) {
        // The rest, as read, is part of the first scan: other scans, and other pictures.
        let length = scan.len_with_entropy() - scan.len();
        let scans = scans(whole.get(whole.len().checked_sub(length)?..)?);
        let contents = scan.contents().clone();
        segments.push(JpegSegment::new_with_entropy(scan.marker(), contents, scans));
    }
    jpeg.set_exif(turned.map(exif));
    Some(jpeg.encoder().bytes())
}

/// Whether the segments before the first scan can be listed at little cost.
fn has_few_segments(whole: &[u8]) -> bool {
    let mut rest = whole.get(2..).unwrap_or_default();
    for _ in 0..SEGMENTS {
        let marker = memchr(markers::P, rest).and_then(|at| rest.get(at..)).unwrap_or_default();
        let fill = marker.iter().take_while(|byte| **byte == markers::P).count();
        let Some((marker, after)) = marker.get(fill..).and_then(<[u8]>::split_first) else {
            return true;
        };
        rest = match *marker {
            markers::SOS | markers::EOI => return true,
            0x00 | 0x01 | 0xd0..=0xd8 => after,
            _ => after.get(length(after)..).unwrap_or_default(),
        };
    }
    false
}

/// The length of a segment, as its header says.
fn length(segment: &[u8]) -> usize {
    segment
        .first_chunk()
        .map_or(usize::MAX, |length| usize::from(u16::from_be_bytes(*length)).max(2))
}

/// Whether a segment is needed to show the picture.
fn is_shown(segment: &JpegSegment) -> bool {
    match segment.marker() {
        markers::APP0 => segment.contents().starts_with(b"JFIF\0"),
        markers::APP2 => segment.contents().starts_with(b"ICC_PROFILE\0"),
        markers::APP14 => segment.contents().starts_with(b"Adobe"),
        marker => !is_remark(marker),
    }
}

/// Whether a segment is metadata.
fn is_remark(marker: u8) -> bool {
    (markers::APP0..=markers::APP15).contains(&marker) || marker == markers::COM
}

/// The scans of a picture up to its end, without metadata between them.
fn scans(entropy: &[u8]) -> Bytes {
    let mut kept = BytesMut::with_capacity(entropy.len());
    let (mut from, mut at) = (0, 0);
    let part =
        |from: usize, to: usize| entropy.get(from..to.min(entropy.len())).unwrap_or_default();
    while let Some(found) = entropy.get(at..).and_then(|rest| memchr(markers::P, rest)) {
        let mark = at + found;
        let Some(marker) = entropy.get(mark + 1) else { break };
        let after = entropy.get(mark + 2..).unwrap_or_default();
        at = match *marker {
            markers::P => mark + 1,
            0x00 | 0x01 | 0xd0..=0xd7 => mark + 2,
            markers::EOI => {
                kept.extend_from_slice(part(from, mark + 2));
                return kept.freeze();
            }
            _ => mark.saturating_add(2).saturating_add(length(after)),
        };
        if is_remark(*marker) {
            kept.extend_from_slice(part(from, mark));
            from = at;
        }
    }
    kept.extend_from_slice(part(from, entropy.len()));
    kept.freeze()
}

fn png(whole: &Bytes) -> Option<Bytes> {
    let mut png = Png::from_bytes(whole.clone()).ok()?;
    let turned = png.exif().and_then(|exif| orientation(&exif));
    png.chunks_mut().retain(|part| {
        let kind = part.kind();
        PNG.contains(&&kind) || kind == *PNG_FRAME
    });
    png.set_exif(turned.map(exif));
    Some(png.encoder().bytes())
}

fn webp(whole: &Bytes) -> Option<Bytes> {
    let mut webp = WebP::from_bytes(whole.clone()).ok()?;
    let turned = webp.exif().and_then(|exif| orientation(&exif));
    let chunks = webp.chunks_mut();
    chunks.retain(|part| WEBP.contains(&&part.id()));
    for part in chunks.iter_mut().filter(|part| part.id() == CHUNK_VP8X) {
        if let RiffContent::Data(data) = part.content_mut() {
            let mut flags = BytesMut::from(&data[..]);
            if let Some(first) = flags.first_mut() {
                *first &= !WEBP_XMP;
            }
            *data = flags.freeze();
        }
    }
    webp.set_exif(turned.map(exif));
    let encoder: ImageEncoder<_> = webp.encoder();
    Some(encoder.bytes())
}

/// The orientation in an EXIF, if it is not the default.
fn orientation(raw: &Bytes) -> Option<u8> {
    if raw.len() > EXIF {
        return None;
    }
    let read = exif::Reader::new().continue_on_error(true).read_raw(raw.to_vec());
    let read = read.or_else(|error| error.distill_partial_result(drop)).ok()?;
    let turned = read.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)?;
    u8::try_from(turned).ok().filter(|turned| (2..=8).contains(turned))
}

/// An EXIF with an orientation and nothing else.
fn exif(turned: u8) -> Bytes {
    let one_field = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    Bytes::from([&one_field[..], &[turned, 0, 0, 0], &[0; 4]].concat())
}

#[cfg(test)]
mod tests;
