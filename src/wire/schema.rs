//! The JSON Schema of both directions, generated from the types.

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::client::ClientFrame;
use super::server::ServerFrame;

/// The WebSocket subprotocol that a client must name.
pub const SUBPROTOCOL: &str = "couplet.v1";

/// The schema of `couplet.v1`: what a client may send (`ClientFrame`) and what it gets
/// (`ServerFrame`).
pub fn schema() -> Value {
    let settings = SchemaSettings::draft2020_12;
    let mut received = settings().for_deserialize().into_generator();
    let mut sent = settings().for_serialize().into_generator();
    let client = received.subschema_for::<ClientFrame>();
    let server = sent.subschema_for::<ServerFrame>();
    let mut definitions = received.take_definitions(true);
    definitions.append(&mut sent.take_definitions(true));
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": SUBPROTOCOL,
        "description": "One JSON object in each WebSocket text message. Fields beyond these are ignored.",
        "anyOf": [client, server],
        "$defs": definitions,
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const REWRITE: &str = "cargo test --lib wire::schema::tests::rewrite -- --ignored";

    fn file() -> std::path::PathBuf {
        // `tests/cost` compiles this file too.
        let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let mut files = folders.map(|folder| folder.join("docs/protocol.schema.json"));
        files.find(|file| file.exists()).unwrap()
    }

    fn rendered() -> String {
        serde_json::to_string_pretty(&schema()).unwrap() + "\n"
    }

    #[test]
    fn the_published_schema_is_what_the_types_say() {
        let published = std::fs::read_to_string(file()).unwrap_or_default();
        assert!(
            published == rendered(),
            "docs/protocol.schema.json is stale; write it anew with: {REWRITE}"
        );
    }

    #[test]
    #[ignore = "writes docs/protocol.schema.json"]
    fn rewrite() {
        std::fs::write(file(), rendered()).unwrap();
    }

    #[test]
    fn no_name_means_two_things() {
        let names = |definitions: &serde_json::Map<String, Value>| definitions.len();
        let mut received = SchemaSettings::draft2020_12().for_deserialize().into_generator();
        let mut sent = SchemaSettings::draft2020_12().for_serialize().into_generator();
        received.subschema_for::<ClientFrame>();
        sent.subschema_for::<ServerFrame>();
        let apart = names(received.definitions()) + names(sent.definitions());
        assert_eq!(schema()["$defs"].as_object().map(names), Some(apart));
    }
}
