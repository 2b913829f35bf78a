//! Ratings by customers: after the end of a conversation, a second one, and after a restart.

use couplet::chat::ids::{ConversationId, Pos};
use couplet::chat::row::RowKind;
use couplet::ports::store::Log as _;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Served;
use crate::support::gateway::{Gateway, Server};

on_both_servers!(after_the_end, after_a_restart);

fn rate(id: &str, score: u8, comment: Option<&str>) -> Value {
    json!({"type": "rate", "id": id, "score": score, "comment": comment})
}

/// The stored ratings of a conversation, in order.
pub(super) async fn stored(gateway: &Gateway, conversation: &str) -> Vec<u8> {
    let id = ConversationId(Uuid::parse_str(conversation).unwrap());
    let rows = gateway.db.store.rows(id, Pos(0), Pos(u64::MAX >> 1), 1_000).await.unwrap();
    let rated = rows.iter().filter_map(|row| match &row.kind {
        RowKind::Rated { score, .. } => Some(*score),
        _ => None,
    });
    rated.collect()
}

async fn after_the_end(server: Server) {
    let mut on = Served::on(server).await;
    assert_eq!(on.ann.does(rate("r1", 5, None)).await["code"], "conflict", "it goes on");
    on.ann.does(json!({"type": "end", "id": "end"})).await;
    for wrong in [0, 6] {
        assert_eq!(on.ann.does(rate("r2", wrong, None)).await["code"], "bad_frame");
    }
    let ack = on.ann.does(rate("r3", 4, Some("Quick,\nand ⚙ kind"))).await;
    assert_eq!((&ack["seq"], &ack["conversation"]), (&Value::Null, &json!(on.conversation)));
    on.alice.hears("⚙ The customer rated the conversation 4 of 5: “Quick, and ⚙ kind”").await;
    // A resent rating is the same; of several ratings the last counts.
    assert_eq!(on.ann.does(rate("r3", 4, None)).await["at"], ack["at"]);
    on.ann.does(rate("r4", 2, None)).await;
    on.alice.hears("⚙ The customer rated the conversation 2 of 5").await;
    assert_eq!(stored(&on.gateway, &on.conversation).await, [4, 2]);

    // A rating is no entry, and does not belong to the next conversation.
    let read = on.ann.history(&on.conversation).await;
    assert_eq!(read.last().unwrap()["kind"], "closed", "{read:?}");
    on.ann.acked("n1", "Me again").await;
    assert_eq!(on.ann.does(rate("r5", 1, None)).await["code"], "conflict");
    on.gateway.end().await;
}

async fn after_a_restart(server: Server) {
    let mut on = Served::on(server).await;
    on.ann.does(json!({"type": "end", "id": "end"})).await;
    on.alice.hears("⚙ The customer ended the conversation").await;
    on.gateway.restart().await;
    on.gateway.until_status(&mut on.alice, "Alice: available").await;
    on.comes_back(4).await;
    let ack = on.ann.does(rate("r1", 5, Some("Thanks"))).await;
    assert_eq!(ack["conversation"], on.conversation.as_str());
    on.alice.hears("⚙ The customer rated the conversation 5 of 5: “Thanks”").await;
    // The command is still known after another restart.
    on.gateway.restart().await;
    on.comes_back(4).await;
    assert_eq!(on.ann.does(rate("r1", 5, Some("Thanks"))).await["at"], ack["at"]);
    assert_eq!(stored(&on.gateway, &on.conversation).await, [5]);
    on.gateway.end().await;
}
