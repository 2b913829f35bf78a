//! Pictures without what they tell besides what they show: where they were taken, with what, by whom.
//!
//! Invariants: of a picture whose parts are known only those are kept that are needed to show it, and
//! of its EXIF only which way up it is. One whose parts cannot be told apart is kept as it is where it
//! tells nothing, and refused where it might. Costs are bounded by the size of the picture.

use bytes::{Bytes, BytesMut};
use img_parts::jpeg::{Jpeg, JpegSegment, markers};
use img_parts::png::Png;
use img_parts::riff::RiffContent;
use img_parts::webp::{CHUNK_VP8X, WebP};
use img_parts::{ImageEXIF as _, ImageEncoder};
use memchr::{memchr, memmem};

/// The largest picture that is taken, in bytes: it is held in memory while its parts are looked at.
pub(super) const MOST: u64 = 32 * 1024 * 1024;
/// Parts of a JPEG before its first scan. A colour profile may take 255.
const SEGMENTS: usize = 2_000;
/// The largest EXIF that is read for which way up the picture is, in bytes.
const EXIF: usize = 1024 * 1024;

/// What the parts of a PNG are called that are needed to show it, moving or not.
const PNG: [&[u8; 4]; 17] = [
    b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT",
    b"bKGD", b"pHYs", b"cICP", b"mDCV", b"cLLI", b"acTL", b"fcTL",
];
/// A frame of a moving PNG.
const PNG_FRAME: &[u8; 4] = b"fdAT";
const WEBP: [&[u8; 4]; 7] = [b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP"];
/// Of the flags of a WebP, the one that says that it has XMP.
const WEBP_XMP: u8 = 0x04;

/// What shows in a picture of unknown parts that it may tell more.
const TELLING: [&[u8]; 7] = [
    b"Exif\0\0",
    b"eXIf",
    b"EXIF",
    b"XMP ",
    b"adobe.com/xap",
    b"com.adobe.xmp",
    b"Raw profile type",
];

/// The kinds of pictures whose parts are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Picture {
    Jpeg,
    Png,
    WebP,
}

impl Picture {
    /// The kind by its media type.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        match media_type {
            "image/jpeg" => Some(Self::Jpeg),
            "image/png" => Some(Self::Png),
            "image/webp" => Some(Self::WebP),
            _ => None,
        }
    }

    /// The picture and nothing else; none where that cannot be had.
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
        // All that follows belongs to the first scan as it was read: others, and other pictures.
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

/// How long a segment is, by its own word.
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

/// Whether a segment is for programs or people, not for the picture.
fn is_remark(marker: u8) -> bool {
    (markers::APP0..=markers::APP15).contains(&marker) || marker == markers::COM
}

/// The scans of a picture up to its end, without remarks between them.
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

/// Which way up a picture is, where that is not as it lies.
fn orientation(raw: &Bytes) -> Option<u8> {
    if raw.len() > EXIF {
        return None;
    }
    let read = exif::Reader::new().continue_on_error(true).read_raw(raw.to_vec());
    let read = read.or_else(|error| error.distill_partial_result(drop)).ok()?;
    let turned = read.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)?;
    u8::try_from(turned).ok().filter(|turned| (2..=8).contains(turned))
}

/// An EXIF that says which way up a picture is, and nothing else.
fn exif(turned: u8) -> Bytes {
    let one_field = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0";
    Bytes::from([&one_field[..], &[turned, 0, 0, 0], &[0; 4]].concat())
}

#[cfg(test)]
mod tests;
