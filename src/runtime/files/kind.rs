//! Detects the type of a file from its content.
//!
//! Invariants: neither the name nor the media type that the sender gives is used. Types that a
//! browser might run are never accepted, whatever a tenant's settings are.

use std::sync::Arc;

use file_format::FileFormat;
use memchr::memmem;

use super::look::Look;
use super::text;
use crate::ports::settings::FileWishes;

/// The types accepted if neither the tenant nor the operator sets others.
pub const TYPES: [&str; 12] = [
    "image/*",
    "audio/*",
    "video/*",
    "text/*",
    "application/pdf",
    "application/rtf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.oasis.opendocument.presentation",
];

/// Types that a browser or a shell might run.
const ACTIVE: [&str; 6] = [
    "text/html",
    "text/xml",
    "text/x-shellscript",
    "text/javascript",
    "application/xml",
    "image/svg+xml",
];

/// Endings that a text file may keep, all of kinds that nothing runs; others are replaced by the
/// first.
const TEXTS: [&str; 27] = [
    "txt",
    "csv",
    "tsv",
    "tab",
    "log",
    "md",
    "json",
    "yaml",
    "yml",
    "toml",
    "ini",
    "cfg",
    "conf",
    "vcf",
    "ics",
    "ifb",
    "eml",
    "srt",
    "vtt",
    "sql",
    "tex",
    "bib",
    "diff",
    "patch",
    "asc",
    "text",
    "properties",
];

/// The files that a tenant accepts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRules {
    /// The largest size in bytes; 0 if no files are accepted.
    pub bytes: u64,
    /// Media types such as `image/png` or `image/*`.
    pub types: Arc<[String]>,
}

impl FileRules {
    /// A tenant's own rules, completed by the operator's.
    pub fn of(wishes: &FileWishes, all: &Self) -> Self {
        Self {
            bytes: wishes.bytes.unwrap_or(all.bytes),
            types: wishes
                .types
                .as_ref()
                .map_or_else(|| all.types.clone(), |own| own.clone().into()),
        }
    }

    /// Files of at most this many bytes, of the default types.
    pub fn usual(bytes: u64) -> Self {
        Self { bytes, types: TYPES.map(str::to_owned).into() }
    }

    pub(super) fn allows(&self, media_type: &str) -> bool {
        let fits = |wanted: &String| match wanted.strip_suffix('*') {
            Some("*/") => true,
            Some(family) => family.ends_with('/') && media_type.starts_with(family),
            None => wanted == media_type,
        };
        !ACTIVE.contains(&media_type) && self.types.iter().any(fits)
    }
}

/// The type of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) media_type: String,
    /// The endings that names of such files may have.
    pub(super) endings: Vec<String>,
}

impl Kind {
    /// Detects the type from the parts that were read, which include the end if only that tells it.
    pub(super) fn of(look: &Look) -> Self {
        let head = look.head();
        if let Some(text) = text::unicode(head) {
            return Self::of_text(&text);
        }
        let format = look.format();
        match format {
            // The reader wanted to read beyond the part that it has.
            FileFormat::ArbitraryBinaryData if head.starts_with(b"ID3") => {
                Self::of_format(FileFormat::Id3v2)
            }
            FileFormat::ArbitraryBinaryData if head.starts_with(b"\x1a\x45\xdf\xa3") => {
                Self::of_format(FileFormat::MatroskaVideo)
            }
            FileFormat::ArbitraryBinaryData if head.starts_with(b"PK\x03\x04") => {
                Self::new("application/zip", &["zip"])
            }
            FileFormat::ArbitraryBinaryData if head.get(4..8) == Some(b"ftyp") => {
                Self::of_tracks(look, ("video/mp4", &["mp4", "m4v", "mov"]), "audio/mp4")
            }
            FileFormat::Mpeg4Part14 => {
                Self::of_tracks(look, ("video/mp4", &["mp4", "m4v", "mov"]), "audio/mp4")
            }
            FileFormat::ThirdGenerationPartnershipProject => {
                Self::of_tracks(look, ("video/3gpp", &["3gp", "3gpp", "mp4"]), "audio/3gpp")
            }
            FileFormat::ArbitraryBinaryData => match text::of_bytes(head) {
                Some(text) => Self::of_text(&text),
                None => Self::new("application/octet-stream", &["bin"]),
            },
            format => Self::of_format(format),
        }
    }

    fn new(media_type: &str, endings: &[&str]) -> Self {
        let endings = endings.iter().map(|&ending| ending.to_owned()).collect();
        Self { media_type: media_type.to_owned(), endings }
    }

    fn of_text(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        match text {
            // A file that begins with a tag is treated as HTML.
            _ if text.trim_start().starts_with('<') => Self::new("text/html", &["html"]),
            _ if text.starts_with("#!") => Self::new("text/x-shellscript", &["sh"]),
            _ if text.starts_with("%PDF-") => Self::new("application/pdf", &["pdf"]),
            _ if text.starts_with("{\\rtf") => Self::new("application/rtf", &["rtf", "doc"]),
            _ => Self::new("text/plain", &TEXTS),
        }
    }

    /// The type of a video or audio container, by its tracks: recorders save voice messages in
    /// video containers.
    fn of_tracks(look: &Look, (film, endings): (&str, &[&str]), sound: &str) -> Self {
        let has = |handler: &[u8; 4]| {
            look.seen().any(|part| {
                memmem::find_iter(part, b"hdlr")
                    .any(|at| part.get(at + 12..at + 16) == Some(handler))
            })
        };
        match has(b"soun") && !has(b"vide") {
            true => Self::new(sound, &["m4a", "mp4", "3gp", "3gpp", "3ga", "aac"]),
            false => {
                // The list of tracks may be in a part that was not read: the ending of an audio
                // file is accepted, too.
                Self::new(film, &[endings, &["m4a"]].concat())
            }
        }
    }

    /// The type for a format found by its signature or its contents.
    fn of_format(format: FileFormat) -> Self {
        use FileFormat as F;
        let (known, extension) = (format.media_type(), format.extension());
        let (media_type, endings): (_, &[_]) = match format {
            F::JointPhotographicExpertsGroup => ("image/jpeg", &["jpg", "jpeg", "jpe", "jfif"]),
            F::AnimatedPortableNetworkGraphics => ("image/png", &["png", "apng"]),
            F::TagImageFileFormat => ("image/tiff", &["tif", "tiff"]),
            F::HighEfficiencyImageCoding | F::HighEfficiencyImageFileFormat => {
                (known, &["heic", "heif", "hif"])
            }
            F::WindowsBitmap => ("image/bmp", &["bmp", "dib"]),
            F::AppleItunesVideo => ("video/mp4", &["m4v", "mp4"]),
            F::AppleQuicktime => ("video/quicktime", &["mov", "qt"]),
            F::MatroskaVideo => ("video/matroska", &["mkv", "webm"]),
            F::Webm => ("video/webm", &["webm", "weba"]),
            F::Mpeg12Video => ("video/mpeg", &["mpg", "mpeg"]),
            F::AdvancedSystemsFormat => ("video/x-ms-asf", &["asf", "wmv", "wma"]),
            F::AppleItunesAudio => ("audio/mp4", &["m4a", "mp4", "m4b"]),
            F::Id3v2 | F::Mpeg12AudioLayer3 => ("audio/mpeg", &["mp3"]),
            F::OggOpus => ("audio/ogg", &["opus", "ogg", "oga"]),
            F::OggVorbis | F::OggFlac | F::OggSpeex | F::OggMultiplexedMedia => {
                ("audio/ogg", &["ogg", "oga", "opus", "spx"])
            }
            F::WaveformAudio => ("audio/wav", &["wav", "wave"]),
            F::AudioInterchangeFileFormat => ("audio/x-aiff", &["aiff", "aif"]),
            F::MusicalInstrumentDigitalInterface => ("audio/midi", &["mid", "midi"]),
            F::OfficeOpenXmlDocument => (known, &["docx", "dotx"]),
            F::OfficeOpenXmlSpreadsheet => (known, &["xlsx", "xltx"]),
            F::OfficeOpenXmlPresentation => (known, &["pptx", "ppsx", "potx"]),
            F::MicrosoftWordDocument => (known, &["doc", "dot"]),
            F::MicrosoftExcelSpreadsheet => (known, &["xls", "xlt"]),
            F::MicrosoftPowerpointPresentation => (known, &["ppt", "pps"]),
            F::Gzip => (known, &["gz", "tgz"]),
            _ => (known, &[extension]),
        };
        Self::new(media_type, endings)
    }
}

#[cfg(test)]
mod tests;
