//! Tests of the operators' listener.

use std::sync::Arc;

use hyper::StatusCode;
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
    let wrong = [None, Some("Bearer x"), Some("sixteen letters!"), Some("Basic sixteen letters!")];
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
    let listed = ask(Method::GET, "/", token).await.text().await.unwrap();
    assert!(listed.contains("| `GET /metrics` |"), "{listed}");
    assert_eq!(ask(Method::GET, "/nowhere", token).await.status(), StatusCode::NOT_FOUND);
    let post = ask(Method::POST, "/metrics", token).await;
    assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[test]
fn the_guide_has_the_table_of_routes() {
    let guide = include_str!("../../../docs/operations.md");
    let table = routes::listing();
    assert!(guide.contains(&table), "docs/operations.md lacks this table:\n{table}");
}
