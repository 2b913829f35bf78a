//! Times of silence: what a tenant sets, and what a restored desk must know of the silences there
//! are.
//!
//! Invariant: a restore reads at most the [`LATEST`] entries of each conversation that an agent has.

use sea_orm::sea_query::{Expr, ExprTrait};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};
use uuid::Uuid;

use super::codec::{int, json, nat};
use super::entity::log::{Column as Entry, Entity as Log};
use super::entity::tenant;
use super::error::unavailable;
use super::row_codec::{AGENT, CUSTOMER};
use super::sql_store::{SqlStore, begin, commit};
use super::{ranges, sql, tenants};
use crate::chat::ids::{AgentJid, ConversationId, Pos, TenantKey, Timestamp};
use crate::chat::model::Conversation;
use crate::chat::patience::Patience;
use crate::chat::row::{Author, Kind};
use crate::chat::settings::TenantSettings;
use crate::chat::silence::Turn;
use crate::ports::settings::NewTimes;
use crate::ports::store_error::StoreError;

/// The entries of a conversation that are read. Whoever has said more than that has been waiting
/// for long enough.
const LATEST: u64 = 50;

/// What was said last in these conversations, in order.
pub(super) async fn turns(
    connection: &impl ConnectionTrait,
    conversations: impl Iterator<Item = &Conversation>,
    tenants: &[TenantSettings],
) -> Result<Vec<(ConversationId, Timestamp, Turn)>, StoreError> {
    let is_set = |view: &&Conversation| {
        let of = tenants.iter().find(|settings| settings.key == view.tenant);
        of.is_some_and(|settings| settings.patience != Patience::default())
    };
    let held: Vec<&Conversation> =
        conversations.filter(|view| view.agent().is_some()).filter(is_set).collect();
    let mut found: Vec<(Pos, ConversationId, Timestamp, Turn)> = Vec::new();
    for chunk in held.chunks(ranges::TOGETHER) {
        let mut any = Condition::any();
        for view in sql::padded(chunk.to_vec()) {
            let after = int(view.head.0.saturating_sub(LATEST))?;
            any = any.add(Entry::Conversation.eq(view.id.0).and(Entry::Seq.gt(after)));
        }
        let ids: Vec<Uuid> = chunk.iter().map(|view| view.id.0).collect();
        let prompted = Entry::Conversation
            .is_in(sql::padded(ids))
            .and(Entry::Seq.is_null())
            .and(Entry::Kind.eq(Kind::Prompted.word()));
        for which in [any, Condition::all().add(prompted)] {
            let rows: Vec<(Uuid, i64, i64, String, String)> = Log::find()
                .select_only()
                .columns([Entry::Conversation, Entry::Pos, Entry::At, Entry::Author, Entry::Kind])
                .filter(which)
                .into_tuple()
                .all(connection)
                .await
                .map_err(unavailable)?;
            for (conversation, pos, at, author, kind) in rows {
                let turn = Kind::from_word(&kind).and_then(|kind| Turn::of(kind, &by(&author)));
                if let Some(turn) = turn {
                    let place = (Pos(nat(pos)?), ConversationId(conversation));
                    found.push((place.0, place.1, Timestamp(at), turn));
                }
            }
        }
    }
    found.sort_unstable_by_key(|(pos, ..)| *pos);
    Ok(found.into_iter().map(|(_, id, at, turn)| (id, at, turn)).collect())
}

/// Which side made a row; its name does not matter here.
fn by(author: &str) -> Author {
    match author {
        CUSTOMER => Author::Customer,
        AGENT => Author::Agent { jid: AgentJid::normalised(""), name: "".into() },
        _ => Author::System,
    }
}

impl SqlStore {
    /// See [`Directory::put_times`](crate::ports::directory::Directory::put_times).
    pub(super) async fn write_times(
        &self,
        key: &TenantKey,
        times: NewTimes,
    ) -> Result<(), StoreError> {
        let transaction = begin(&self.write).await?;
        let link = tenants::link_of(&transaction, key).await?;
        let found = tenant::Entity::find_by_id(key.as_str()).one(&transaction).await;
        let model = found.map_err(unavailable)?.ok_or_else(|| tenants::missing(key))?;
        let mut settings = tenants::settings(&model)?;
        let NewTimes { idle_close_ms, idle_remind_ms, agent_remind_ms, agent_requeue_ms } = times;
        settings.idle_close_ms = idle_close_ms.unwrap_or(settings.idle_close_ms);
        settings.idle_remind_ms = idle_remind_ms.unwrap_or(settings.idle_remind_ms);
        settings.agent_remind_ms = agent_remind_ms.unwrap_or(settings.agent_remind_ms);
        settings.agent_requeue_ms = agent_requeue_ms.unwrap_or(settings.agent_requeue_ms);
        tenant::Entity::update_many()
            .col_expr(tenant::Column::Settings, Expr::value(json(&settings)?))
            .filter(tenant::Column::Slug.eq(key.as_str()))
            .exec(&transaction)
            .await
            .map_err(unavailable)?;
        tenants::touch(&transaction, link).await?;
        commit(transaction).await
    }
}
