use uuid::Uuid;

use super::*;
use crate::chat::ids::{ConversationId, CustomerId, QueueKey, TenantKey};

/// Customer messages 1, 3 and 4, in rows 10, 30 and 40; entry 2 is the agent's.
fn case() -> OpenConversation {
    let mut case = OpenConversation::new(Conversation {
        id: ConversationId(Uuid::nil()),
        tenant: TenantKey::new("acme").unwrap(),
        customer: CustomerId(Uuid::nil()),
        queue: QueueKey::default_queue(),
        subject: None,
        state: State::Active { agent: AgentJid::normalised("ann") },
        opened_at: Timestamp(0),
        waiting_since: Timestamp(0),
        priority: 0,
        tags: Vec::new(),
        active_at: Timestamp(0),
        head: Seq(4),
        delivered: Seq(0),
        read: Seq(0),
        confirmed: Seq(0),
        passed: Vec::new(),
        transfer: None,
    });
    for (pos, seq) in [(10, 1), (30, 3), (40, 4)] {
        case.owe_confirmation(Timestamp(0), Pos(pos), Seq(seq));
    }
    case
}

#[test]
fn scattered_confirmations_count_once_the_gap_is_filled() {
    let mut case = case();
    assert_eq!(case.received(Pos(40)), Moved::Nothing);
    assert_eq!(case.received(Pos(20)), Moved::Nothing, "no message of the customer");
    assert_eq!(case.received(Pos(10)), Moved::Ticks);
    assert_eq!(case.view.delivered, Seq(1));
    assert_eq!(case.received(Pos(30)), Moved::Ticks);
    assert_eq!((case.view.delivered, case.view.confirmed), (Seq(4), Seq(4)));
    assert_eq!(case.received(Pos(30)), Moved::Nothing);
}

#[test]
fn what_is_shown_was_received_as_far_as_the_customer_sees() {
    let mut case = case();
    case.received(Pos(40));
    assert_eq!(case.displayed(Pos(35), true), Moved::Ticks, "a row between two messages");
    assert_eq!((case.view.read, case.view.delivered), (Seq(3), Seq(3)));
    assert_eq!(case.displayed(Pos(9), true), Moved::Nothing, "before the first");
    assert_eq!((case.confirmed_pos(), case.is_unconfirmed()), (Pos(0), true), "10 may be lost");
    assert_eq!(case.received(Pos(10)), Moved::Ticks);
    assert_eq!((case.confirmed_pos(), case.is_unconfirmed()), (Pos(40), false));
    assert_eq!(case.displayed(Pos(10), true), Moved::Nothing, "no tick goes back");
}

#[test]
fn a_client_without_receipts_is_not_resent_what_its_user_has_read() {
    let mut case = case();
    case.displayed(Pos(30), false);
    assert_eq!(case.confirmed_pos(), Pos(30));
    assert!(!case.is_confirmed(Pos(10)), "if it comes back, it has not arrived");
    case.answered_by_agent(Timestamp(FRESH_MS));
    assert!(!case.is_unconfirmed());
    case.owe_confirmation(Timestamp(FRESH_MS), Pos(50), Seq(5));
    case.answered_by_agent(Timestamp(FRESH_MS + 1));
    assert_eq!((case.confirmed_pos(), case.is_unconfirmed()), (Pos(40), true));
    case.begin_assignment();
    assert_eq!(case.confirmed_pos(), Pos(0), "another has read nothing");
}

#[test]
fn a_new_assignment_confirms_anew_inwardly() {
    let mut case = case();
    case.received(Pos(10));
    case.displayed(Pos(40), true);
    case.begin_assignment();
    assert!(!case.is_confirmed(Pos(10)));
    assert_eq!(case.received(Pos(10)), Moved::Inward);
    assert!(case.is_confirmed(Pos(10)) && !case.is_confirmed(Pos(30)));
    assert_eq!((case.view.delivered, case.view.read), (Seq(4), Seq(4)));
}

#[test]
fn the_last_of_what_the_widget_has_shown_is_named_once() {
    let mut case = case();
    for seq in [2, 5, 6] {
        case.agent_spoke(Seq(seq), format!("s{seq}").into());
    }
    assert_eq!(case.shown(Seq(1)), None);
    assert_eq!(case.shown(Seq(5)).as_deref(), Some("s5"));
    assert_eq!(case.shown(Seq(5)), None);
    for seq in 7..200 {
        case.agent_spoke(Seq(seq), format!("s{seq}").into());
    }
    assert_eq!(case.spoken.len(), SPOKEN_KEPT);
}
