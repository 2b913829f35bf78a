use super::*;

fn head(seq: u64) -> SocketEvent {
    SocketEvent::Head { conversation: ConversationId(uuid::Uuid::nil()), seq: Seq(seq) }
}

#[tokio::test]
async fn events_come_in_order_and_a_slow_socket_is_closed_once() {
    let mailbox = Mailbox::default();
    mailbox.put(head(1), 2);
    mailbox.put(head(2), 2);
    assert!(matches!(mailbox.next().await, SocketEvent::Head { seq: Seq(1), .. }));
    mailbox.put(head(3), 2);
    mailbox.put(head(4), 2);
    mailbox.put(head(5), 2);
    let bye = mailbox.next().await;
    assert!(matches!(bye, SocketEvent::Bye { reason: ByeReason::Slow, .. }), "{bye:?}");
    let more = tokio::time::timeout(std::time::Duration::ZERO, mailbox.next()).await;
    assert!(more.is_err(), "nothing follows a bye");
}

#[tokio::test]
async fn a_socket_is_not_woken_for_what_it_has() {
    let mailbox = Mailbox::default();
    mailbox.is_at(ConversationId(uuid::Uuid::nil()), Seq(2));
    mailbox.put(head(2), 9);
    mailbox.put(head(3), 9);
    assert!(matches!(mailbox.next().await, SocketEvent::Head { seq: Seq(3), .. }));
}
