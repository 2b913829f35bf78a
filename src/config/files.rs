//! `[files]`: where files are stored, and how many megabytes a day are accepted.

use std::fmt;
use std::path::PathBuf;

use secrecy::SecretString;
use url::Url;

use super::section::{Refusal, Section};

const FOLDER: &str = "couplet-files";
const REGION: &str = "us-east-1";

#[derive(Debug, Clone)]
pub struct Files {
    pub storage: Storage,
    /// Megabytes a day from one customer. Default 200.
    pub megabytes_per_customer_per_day: u32,
    /// Megabytes a day from all customers of a tenant together. Default 20,000.
    pub megabytes_per_tenant_per_day: u32,
}

#[derive(Debug, Clone)]
pub enum Storage {
    /// A folder of this machine, or one that all nodes share.
    Folder(PathBuf),
    /// A bucket of any S3-compatible service.
    S3 {
        bucket: String,
        /// The prefix of all names in it; usually empty.
        prefix: String,
        /// The URL of the service; none for Amazon.
        endpoint: Option<Url>,
        region: String,
        /// The id and the secret of the access key; without them the machine's own role is used.
        key: Option<(String, SecretString)>,
    },
}

impl Files {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let url = section.parsed("url", place);
        let mut number = |key, default| section.number(key, default, 1..=100_000_000);
        let of_customer = number("megabytes_per_customer_per_day", 200);
        let of_tenant = number("megabytes_per_tenant_per_day", 20_000);
        let endpoint = section.parsed("endpoint", endpoint);
        let region = section.parsed("region", word);
        let id = section.parsed("access_key", word);
        let secret = section.secret("secret_key", Ok);
        if id.is_some() != secret.is_some() {
            section
                .refuse("access_key", "set both access_key and secret_key, or neither".to_owned());
        }
        let storage = match url.unwrap_or_else(|| Storage::Folder(FOLDER.into())) {
            Storage::S3 { bucket, prefix, .. } => {
                let region = region.unwrap_or_else(|| REGION.to_owned());
                Storage::S3 { bucket, prefix, endpoint, region, key: id.zip(secret) }
            }
            folder => folder,
        };
        section.close();
        Self {
            storage,
            megabytes_per_customer_per_day: of_customer,
            megabytes_per_tenant_per_day: of_tenant,
        }
    }

    /// The kind of storage, as text for operators.
    pub fn kind(&self) -> impl fmt::Display {
        match &self.storage {
            Storage::Folder(folder) => format!("in {}", folder.display()),
            Storage::S3 { bucket, .. } => format!("in the bucket {bucket}"),
        }
    }
}

fn place(text: &str) -> Result<Storage, Refusal> {
    const FORMS: &str = "file:FOLDER or s3://BUCKET/PREFIX";
    match text.split_once(':') {
        Some(("file", folder)) => {
            let folder = folder.strip_prefix("//").unwrap_or(folder);
            match folder.is_empty() {
                true => Err(format!("names no folder; write {FORMS}")),
                false => Ok(Storage::Folder(folder.into())),
            }
        }
        Some(("s3", rest)) => {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
            match bucket.is_empty() {
                true => Err(format!("names no bucket; write {FORMS}")),
                false => Ok(Storage::S3 {
                    bucket: bucket.to_owned(),
                    prefix: prefix.trim_matches('/').to_owned(),
                    endpoint: None,
                    region: String::new(),
                    key: None,
                }),
            }
        }
        _ => Err(format!("is not a storage location; write {FORMS}")),
    }
}

fn endpoint(text: &str) -> Result<Url, Refusal> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| "is not a web address; write e.g. https://s3.example.org".to_owned())
}

fn word(text: &str) -> Result<String, Refusal> {
    match text.is_empty() {
        true => Err("is empty; set it or remove the key".to_owned()),
        false => Ok(text.to_owned()),
    }
}
