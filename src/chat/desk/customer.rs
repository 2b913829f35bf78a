//! What customers send: commands, typing, and what the widget has shown.

use std::sync::Arc;

use super::Desk;
use super::lifecycle::{Beginning, Command};
use super::row::NewRow;
use crate::chat::answers;
use crate::chat::effect::{Answer, CustomerNotice, Effect, ToAgentContent};
use crate::chat::event::{
    CustomerAction, CustomerCommand, CustomerContent, CustomerInput, SocketAddress,
};
use crate::chat::ids::{
    CommandId, ConversationId, CustomerId, QueueKey, Seq, SessionId, TenantKey, Timestamp,
};
use crate::chat::model::{Acked, CloseReason};
use crate::chat::refusal::CommandError;
use crate::chat::row::{Author, CommandKey, RowKind};

/// Who gave a command, and the socket that gets the reply.
pub(super) struct Commander {
    pub(super) tenant: TenantKey,
    pub(super) customer: CustomerId,
    pub(super) session: SessionId,
    pub(super) socket: SocketAddress,
}

impl Desk {
    pub(super) fn customer_input(&mut self, now: Timestamp, input: CustomerInput) {
        let by = Commander {
            tenant: input.customer.tenant.clone(),
            customer: input.customer.id,
            session: input.session,
            socket: input.socket,
        };
        let is_news = self.is_news(&input.customer);
        let visitor = self.visitor(input.customer);
        visitor.sessions.insert(by.session);
        // A customer who sends something is online, even if the edge's report is still on its way.
        let was_away = visitor.nodes.is_empty();
        visitor.nodes.insert(by.socket.node);
        let open = visitor.open;
        if was_away || is_news {
            self.show_contact(by.customer);
            self.count_in_line(now, by.customer);
        }
        match input.content {
            CustomerContent::Command(command) => self.customer_command(now, &by, open, command),
            CustomerContent::Typing { on } => {
                if let Some(case) = open {
                    self.customer_typing(case, on);
                }
            }
            CustomerContent::Read { seq } => {
                if let Some(case) = open {
                    self.customer_read(case, seq);
                }
            }
        }
    }

    fn customer_command(
        &mut self,
        now: Timestamp,
        by: &Commander,
        open: Option<ConversationId>,
        command: CustomerCommand,
    ) {
        let CustomerCommand { id, fresh, action } = command;
        let key = CommandKey { session: by.session, id };
        if let Some(acked) = self.commands.find(&key) {
            self.do_again(now, open, &action, acked);
            return self.answer(by, Answer::Ack { id: key.id, acked });
        }
        if !self.tenants.contains_key(&by.tenant) {
            return self.refuse(by, &key.id, CommandError::UnknownTenant);
        }
        let open = match open {
            Some(id) if action.opens() => Some(self.go_on(now, id, fresh)),
            open => open,
        };
        match action {
            CustomerAction::Start { queue, subject, answers } => match open {
                Some(case) => self.join(now, by, case, key, answers),
                None => {
                    let queue = queue.unwrap_or_else(QueueKey::default_queue);
                    self.start(now, by, fresh, queue, subject, answers, Some(key));
                }
            },
            CustomerAction::Message { text, reply_to } => {
                self.customer_message(now, by, (open, fresh), key, reply_to, |reply_to| {
                    RowKind::Message { text, reply_to }
                });
            }
            // A repeat was handled above: this is another message with the same file.
            CustomerAction::Share { files, taken, .. } if taken || self.shared.has_any(&files) => {
                self.refuse(by, &key.id, CommandError::NoSuchFile);
            }
            CustomerAction::Share { files, text, reply_to, .. } => {
                self.customer_message(now, by, (open, fresh), key, reply_to, |reply_to| {
                    RowKind::Files { files, text, reply_to, of: None }
                });
            }
            CustomerAction::Edit { target, text } => {
                self.change(now, by, open, key, &target, Some(text));
            }
            CustomerAction::Retract { target } => self.change(now, by, open, key, &target, None),
            CustomerAction::React { target, emoji } => {
                self.customer_reacts(now, by, open, key, target, emoji);
            }
            CustomerAction::Choose { of, answer } => self.choose(now, by, open, key, of, &answer),
            CustomerAction::Rate { score, comment } => {
                self.rate(now, by, open, key, RowKind::Rated { score, comment });
            }
            CustomerAction::End => match open {
                Some(case) => {
                    let ended = Command { key: Some(key.clone()), stanza: None };
                    let row = self.close(now, case, Author::Customer, CloseReason::Customer, ended);
                    if let Some(row) = row {
                        self.commanded(key, case, row.seq, now);
                    }
                }
                None => self.refuse(by, &key.id, CommandError::NotOpen),
            },
        }
    }

    /// Whether another conversation can begin in this queue; refuses the command if not.
    fn admits(&mut self, by: &Commander, id: &CommandId, queue: &QueueKey) -> bool {
        let error = match self.tenants.get(&by.tenant) {
            None => Some(CommandError::UnknownTenant),
            Some(desk) if !desk.settings.queues.iter().any(|q| q.key == *queue) => {
                Some(CommandError::UnknownQueue)
            }
            Some(desk) => {
                let waiting: usize = desk.queues.values().map(super::Queue::len).sum();
                (waiting >= self.limits.waiting).then_some(CommandError::Overloaded)
            }
        };
        if let Some(error) = error {
            self.refuse(by, id, error);
        }
        error.is_none()
    }

    /// Begins a conversation; with `key` if a `start` command did.
    #[allow(
        clippy::too_many_arguments,
        reason = "the fields of one command, each named at the call"
    )]
    fn start(
        &mut self,
        now: Timestamp,
        by: &Commander,
        id: ConversationId,
        queue: QueueKey,
        subject: Option<Arc<str>>,
        answers: Vec<(Arc<str>, Arc<str>)>,
        key: Option<CommandKey>,
    ) {
        if let Some(key) = &key
            && !self.admits(by, &key.id, &queue)
        {
            return;
        }
        self.begin(
            now,
            Beginning {
                id,
                tenant: by.tenant.clone(),
                customer: by.customer,
                queue,
                subject,
                answers,
                key: key.clone(),
                author: Author::Customer,
                stanza: None,
                before: None,
            },
        );
        if let Some(key) = key {
            self.started(now, by, id, key);
            self.tell_state(id);
        }
    }

    /// A `start` while a conversation is open already.
    fn join(
        &mut self,
        now: Timestamp,
        by: &Commander,
        case: ConversationId,
        key: CommandKey,
        answers: Vec<(Arc<str>, Arc<str>)>,
    ) {
        let open = self.cases.get_mut(&case);
        let changed = open.map(|open| answers::merge(&mut open.answers, answers));
        // Answers that change nothing are not stored, however often they are sent. The ack is
        // remembered as long as the session is active; a repeat after that changes nothing either.
        if let Some(answers) = changed.filter(|changed| !changed.is_empty()) {
            let row = NewRow::new(Author::Customer, RowKind::Opened { answers });
            self.append(now, case, NewRow { key: Some(key.clone()), ..row });
        }
        self.started(now, by, case, key);
        self.count_in_line(now, by.customer);
        self.tell_state(case);
    }

    fn started(&mut self, now: Timestamp, by: &Commander, case: ConversationId, key: CommandKey) {
        let acked = self.commanded(key.clone(), case, None, now);
        self.answer(by, Answer::Ack { id: key.id, acked });
    }

    /// A message into the open conversation, or into `fresh`, which it opens.
    fn customer_message(
        &mut self,
        now: Timestamp,
        by: &Commander,
        (open, fresh): (Option<ConversationId>, ConversationId),
        key: CommandKey,
        reply_to: Option<Seq>,
        kind: impl FnOnce(Option<Seq>) -> RowKind,
    ) {
        if open.is_none() {
            let queue = QueueKey::default_queue();
            if !self.admits(by, &key.id, &queue) {
                return;
            }
            self.start(now, by, fresh, queue, None, Vec::new(), None);
        }
        let case = open.unwrap_or(fresh);
        let Some(head) = self.cases.get(&case).map(|case| case.view.head) else { return };
        // Only an existing entry can be replied to.
        let kind = kind(reply_to.filter(|seq| *seq <= head));
        self.customer_says(now, case, key, kind);
        if open.is_none() {
            self.tell_state(case);
        }
    }

    /// Adds something that both sides read and that the agents' clients must confirm.
    pub(super) fn customer_says(
        &mut self,
        now: Timestamp,
        id: ConversationId,
        key: CommandKey,
        kind: RowKind,
    ) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        case.view.active_at = now;
        let (tenant, customer) = (case.view.tenant.clone(), case.view.customer);
        let (audience, withheld) = (case.audience().to_vec(), case.withheld);
        let row = NewRow {
            key: Some(key.clone()),
            recipients: audience.clone(),
            ..NewRow::new(Author::Customer, kind)
        };
        let Some(row) = self.append(now, id, row) else { return };
        if let (Some(case), Some(seq)) = (self.cases.get_mut(&id), row.seq) {
            case.owe_confirmation(now, row.pos, seq);
        }
        self.commanded(key, id, row.seq, now);
        self.notify(&tenant, customer, CustomerNotice::Entry(row.clone()));
        let name = self.visitors.get(&customer).and_then(super::Visitor::name);
        if !withheld {
            self.deliver(id, &audience, &row, name.as_ref());
        }
        self.ask_anew(now, id);
    }

    /// Two mutants: a repeated command is carried out again, without its key, which is unique in
    /// the database too.
    fn do_again(
        &mut self,
        now: Timestamp,
        open: Option<ConversationId>,
        action: &CustomerAction,
        acked: Acked,
    ) {
        use crate::chaos::mutant;
        let forgotten = mutant("dedup-off")
            || mutant("dedup-per-conversation") && open != Some(acked.conversation);
        if let (true, Some(case), CustomerAction::Message { text, .. }) = (forgotten, open, action)
        {
            let row = NewRow::new(
                Author::Customer,
                RowKind::Message { text: text.clone(), reply_to: None },
            );
            if let Some(row) = self.append(now, case, row)
                && let Some(visitor) = self.cases.get(&case).map(|case| case.view.customer)
                && let Some(visitor) = self.visitors.get(&visitor)
            {
                let (tenant, customer) = (visitor.customer.tenant.clone(), visitor.customer.id);
                self.notify(&tenant, customer, CustomerNotice::Entry(row));
            }
        }
    }

    pub(super) fn commanded(
        &mut self,
        key: CommandKey,
        conversation: ConversationId,
        seq: Option<Seq>,
        at: Timestamp,
    ) -> Acked {
        let acked = Acked { conversation, seq, at };
        self.commands.insert(key, acked, self.gate.head(), self.gate.last_stored());
        acked
    }

    fn customer_typing(&mut self, id: ConversationId, on: bool) {
        let Some(case) = self.cases.get(&id) else { return };
        let (Some(agent), Some(resource)) = (case.view.agent().cloned(), case.resource.clone())
        else {
            return;
        };
        if self.clients.get(&agent).is_some_and(|clients| clients.has(&resource)) {
            self.send_to_client(id, &agent, Some(resource), ToAgentContent::Typing { on });
        }
    }

    fn customer_read(&mut self, id: ConversationId, seq: Seq) {
        let Some(case) = self.cases.get_mut(&id) else { return };
        let shown = case.shown(seq.min(case.view.head));
        if let (Some(stanza), Some(agent)) = (shown, case.view.agent().cloned()) {
            self.send(id, &agent, ToAgentContent::Displayed { stanza });
        }
    }

    pub(super) fn answer(&mut self, by: &Commander, answer: Answer) {
        self.gate.emit(Effect::Answer { to: by.socket, customer: by.customer, answer });
    }

    pub(super) fn refuse(&mut self, by: &Commander, id: &CommandId, error: CommandError) {
        self.answer(by, Answer::Refused { id: Some(id.clone()), error });
    }
}
