//! Pictures as cameras and programs make them, and damaged ones.

use super::*;

const JPEG: &[u8] = include_bytes!("../../../../tests/files/turned.jpg");
const PNG_FILE: &[u8] = include_bytes!("../../../../tests/files/turned.png");
const WEBP_FILE: &[u8] = include_bytes!("../../../../tests/files/turned.webp");

fn bare(kind: Picture, bytes: &[u8]) -> Option<Bytes> {
    kind.bare(Bytes::copy_from_slice(bytes))
}

fn has(bytes: &[u8], what: &str) -> bool {
    memmem::find(bytes, what.as_bytes()).is_some()
}

/// The fields of its EXIF.
fn told(bytes: &[u8]) -> Vec<(exif::Tag, Option<u32>)> {
    let read = exif::Reader::new()
        .continue_on_error(true)
        .read_from_container(&mut std::io::Cursor::new(bytes));
    let read = read.or_else(|error| error.distill_partial_result(drop)).unwrap();
    read.fields().map(|field| (field.tag, field.value.get_uint(0))).collect()
}

#[test]
fn only_the_image_and_its_orientation_are_kept() {
    for (kind, file) in
        [(Picture::Jpeg, JPEG), (Picture::Png, PNG_FILE), (Picture::WebP, WEBP_FILE)]
    {
        assert!(told(file).iter().any(|(tag, _)| *tag == exif::Tag::GPSLatitude), "{kind:?}");
        assert!(has(file, "SECRET"), "{kind:?}");
        let bare = bare(kind, file).unwrap();
        assert!(!has(&bare, "SECRET"), "{kind:?}");
        assert_eq!(told(&bare), [(exif::Tag::Orientation, Some(6))], "{kind:?}");
        assert_eq!(kind.bare(bare.clone()).unwrap(), bare, "{kind:?}: once is enough");
    }
    let webp = WebP::from_bytes(bare(Picture::WebP, WEBP_FILE).unwrap()).unwrap();
    let flags = webp.chunk_by_id(CHUNK_VP8X).unwrap().content().data().unwrap()[0];
    assert_eq!((flags & WEBP_XMP, flags & 0x08), (0, 0x08), "EXIF and no XMP");
}

/// The scans and tables of the picture, in order.
fn shown(bytes: &[u8]) -> Vec<u8> {
    let jpeg = Jpeg::from_bytes(Bytes::copy_from_slice(bytes)).unwrap();
    let frame = |s: &&JpegSegment| !is_remark(s.marker());
    jpeg.segments().iter().filter(frame).flat_map(|s| s.clone().encoder().bytes()).collect()
}

#[test]
fn a_jpeg_shows_the_same_and_nothing_follows_it() {
    let shows = shown(JPEG);
    assert_eq!(shown(&bare(Picture::Jpeg, JPEG).unwrap()), shows);
    // Phones append a second picture to the first.
    let two = [JPEG, JPEG].concat();
    let first = bare(Picture::Jpeg, &two).unwrap();
    assert_eq!((shown(&first), has(&first, "SECRET")), (shows.clone(), false));
    // A comment between two scans.
    let scan = memmem::rfind(JPEG, b"\xff\xda").unwrap();
    let (before, after) = JPEG.split_at(scan);
    let remark = [before, b"\xff\xfe\0\x08SECRET\xff\xe1\0\x02", after].concat();
    assert_eq!(shown(&bare(Picture::Jpeg, &remark).unwrap()), shows);
    // A file cut off anywhere contains no metadata either.
    for end in 0..JPEG.len() {
        let kept = bare(Picture::Jpeg, &JPEG[..end]);
        assert!(
            kept.is_none_or(|kept| !has(&kept, "SECRETC") && !has(&kept, "Exif\0\0MM")),
            "{end}"
        );
    }
}

#[test]
fn what_cannot_be_parsed_is_kept_only_without_metadata() {
    let broken = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01";
    assert_eq!(bare(Picture::Png, broken).unwrap(), &broken[..]);
    let mut telling = PNG_FILE.to_vec();
    let crc = memmem::find(&telling, b"IDAT").unwrap() + 6;
    telling[crc] ^= 1;
    assert_eq!(bare(Picture::Png, &telling), None);
    assert_eq!(bare(Picture::WebP, &WEBP_FILE[..WEBP_FILE.len() - 9]), None);
    // More segments than any picture has.
    let mut many = b"\xff\xd8".to_vec();
    many.extend(b"\xff\xfe\0\x02".repeat(SEGMENTS + 1));
    many.extend_from_slice(&JPEG[2..]);
    assert_eq!(bare(Picture::Jpeg, &many), None);
    assert_eq!(bare(Picture::Jpeg, b"\xff\xd8\xff\xe0\0\x10JFIF").unwrap().len(), 10);
}

proptest::proptest! {
    #[test]
    fn no_picture_breaks_it(at in 0..350_usize, to: u8, kind in 0..3_usize) {
        let (kind, file) =
            [(Picture::Jpeg, JPEG), (Picture::Png, PNG_FILE), (Picture::WebP, WEBP_FILE)][kind];
        let mut file = file.to_vec();
        file[at] = to;
        let _ = bare(kind, &file);
    }
}
