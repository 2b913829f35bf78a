//! `GET /v1/TENANT/config`: what the widget reads first.

use hyper::StatusCode;
use serde::Serialize;
use warp::reply::Response;

use super::problem::Problem;
use super::request::Request;
use super::response::{json, readable};
use crate::chat::ids::QueueKey;
use crate::ports::settings::FormField;
use crate::runtime::edge::Door;
use crate::websocket::backend::Backend;
use crate::wire;

/// What the widget must know before it opens a socket.
#[derive(Debug, Serialize)]
struct Config<'a> {
    tenant: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    locale: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    welcome: Option<&'a str>,
    queues: Vec<Queue<'a>>,
    online: bool,
    #[serde(flatten)]
    hours: Hours,
    #[serde(skip_serializing_if = "<[FormField]>::is_empty")]
    form: &'a [FormField],
    /// Media types of files that are accepted, such as `image/png` or `image/*`.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    file_types: &'a [String],
    limits: Limits,
}

#[derive(Debug, Serialize)]
struct Queue<'a> {
    key: &'a str,
    name: &'a str,
    #[serde(flatten)]
    hours: Hours,
}

/// Whether new conversations are served now, and when that changes, in epoch milliseconds.
#[derive(Debug, Serialize)]
struct Hours {
    open: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

impl Hours {
    fn of(door: Door) -> Self {
        let Door { open, until, next } = door;
        Self { open, until: until.map(|at| at.0), next: next.map(|at| at.0) }
    }
}

#[derive(Debug, Serialize)]
struct Limits {
    text_chars: usize,
    frame_bytes: usize,
    /// 0 if no files are accepted.
    file_bytes: u64,
}

pub(super) async fn show<D: Backend>(
    key: String,
    request: Request<D>,
) -> Result<Response, Problem> {
    let view = request.tenant(&key, request.address()).await?;
    let page = request.page(&view.tenant)?;
    let door = |key: &QueueKey| view.doors.get(key).copied().unwrap_or(Door::ALWAYS);
    let settings = &view.tenant.settings;
    let config = Config {
        tenant: view.tenant.key.as_str(),
        name: &settings.name,
        color: settings.color.as_deref(),
        locale: settings.locale.as_deref(),
        welcome: settings.welcome.as_deref(),
        queues: view
            .queues
            .iter()
            .map(|(key, name)| Queue { key: key.as_str(), name, hours: Hours::of(door(key)) })
            .collect(),
        online: view.online,
        hours: Hours::of(Door::of_all(view.queues.iter().map(|(key, _)| door(key)))),
        form: &settings.form,
        file_types: if view.files.bytes > 0 { &view.files.types } else { &[] },
        limits: Limits {
            text_chars: wire::TEXT_CHARS,
            frame_bytes: wire::FRAME_BYTES,
            file_bytes: view.files.bytes,
        },
    };
    Ok(readable(json(StatusCode::OK, &config), page))
}
