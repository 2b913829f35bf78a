//! The operators' listener: metrics for Prometheus.
//!
//! Invariants: without the token every request gets 401, whether its address exists or not; the
//! listener is opened only if a token is configured.

use std::fmt;
use std::sync::Arc;

use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, WWW_AUTHENTICATE};
use hyper::{HeaderMap, StatusCode};
use ring::digest::{SHA256, digest};
use secrecy::{ExposeSecret, SecretString};
use warp::filters::BoxedFilter;
use warp::reply::Response;
use warp::{Filter, Rejection};

use super::problem::{self, Problem};
use crate::runtime::status::Status;

/// The text format of OpenMetrics.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the operator's listener serves from.
pub struct Admin {
    /// The Bearer token that gives all rights.
    pub token: SecretString,
    /// How the node does.
    pub status: Arc<Status>,
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").finish_non_exhaustive()
    }
}

/// All routes of the operator's listener.
pub fn routes(admin: Admin) -> BoxedFilter<(Response,)> {
    let admin = Arc::new(admin);
    let may = admin.clone();
    let backend = warp::header::headers_cloned().and_then(move |headers: HeaderMap| {
        let known = may.knows(&headers);
        async move { if known { Ok(()) } else { Err(warp::reject::custom(Stranger)) } }
    });
    backend
        .untuple_one()
        .and(warp::path!("metrics").and(warp::get()))
        .map(move || metrics(&admin.status))
        .recover(|rejection: Rejection| async move {
            Ok::<_, std::convert::Infallible>(refusal(&rejection).into_response())
        })
        .unify()
        .boxed()
}

impl Admin {
    /// Compared by their digests: how long it takes says nothing about the token.
    fn knows(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let given = given.and_then(|value| value.strip_prefix("Bearer "));
        let hash = |text: &str| digest(&SHA256, text.as_bytes());
        given.is_some_and(|given| hash(given).as_ref() == hash(self.token.expose_secret()).as_ref())
    }
}

/// Whoever has no token.
#[derive(Debug)]
struct Stranger;

impl warp::reject::Reject for Stranger {}

fn refusal(rejection: &Rejection) -> Problem {
    if rejection.find::<Stranger>().is_some() {
        return Problem::new(StatusCode::UNAUTHORIZED, "send admin.token as a Bearer token")
            .with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    problem::of(rejection)
}

fn metrics(status: &Status) -> Response {
    let mut response = Response::new(status.metrics_text().into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(METRICS));
    response
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use tokio::net::TcpListener;

    use super::*;

    /// The answer of a listener of its own.
    async fn ask(method: Method, path: &str, given: Option<&str>) -> reqwest::Response {
        let admin = Admin { token: "sixteen letters!".into(), status: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}{path}", listener.local_addr().unwrap());
        tokio::spawn(crate::web::serve(
            listener,
            routes(admin),
            crate::web::Listening::default(),
            std::future::pending(),
        ));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.request(method, url);
        let request = given.iter().fold(request, |r, given| r.header("authorization", *given));
        request.send().await.unwrap()
    }

    #[tokio::test]
    async fn without_the_token_there_is_nothing_to_see() {
        let wrong =
            [None, Some("Bearer x"), Some("sixteen letters!"), Some("Basic sixteen letters!")];
        for given in wrong {
            for path in ["/metrics", "/nowhere"] {
                let answer = ask(Method::GET, path, given).await;
                assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{given:?} {path}");
                assert_eq!(answer.headers()["content-type"], "application/problem+json");
            }
        }
    }

    #[tokio::test]
    async fn with_the_token_the_parts_are_told() {
        let token = Some("Bearer sixteen letters!");
        let answer = ask(Method::GET, "/metrics", token).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let text = answer.text().await.unwrap();
        assert!(text.contains("couplet_part_up{part=\"database\"} 0"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert_eq!(ask(Method::GET, "/nowhere", token).await.status(), StatusCode::NOT_FOUND);
        let post = ask(Method::POST, "/metrics", token).await;
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
}
