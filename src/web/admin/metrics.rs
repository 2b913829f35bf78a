//! `GET /metrics`: what Prometheus reads.

use std::sync::Arc;

use warp::reply::Response;

use super::response::document;
use super::state::Admin;
use crate::web::problem::Problem;

/// The text format of OpenMetrics.
const FORMAT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn show(admin: Arc<Admin>) -> Result<Response, Problem> {
    Ok(document(FORMAT, admin.status.metrics_text()))
}
