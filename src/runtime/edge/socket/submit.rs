//! What a customer sends: prepared for the desk, and passed to the link's owner.
//!
//! Invariant: a command that is refused here was not done, and the client resends it.

use std::sync::Arc;

use super::CustomerSocket;
use crate::chat::event::{
    CustomerAction, CustomerCommand, CustomerContent, CustomerEvent, CustomerInput, SocketAddress,
};
use crate::chat::ids::FileId;
use crate::chat::model::File;
use crate::ports::store::StoredFile;
use crate::ports::store_error::StoreError;
use crate::runtime::admission::TooMany;
use crate::runtime::edge::interface::{MOVED_MS, RETRY_MS, SubmitError};
use crate::runtime::edge::people;
use crate::runtime::edge::shared::Shared;
use crate::runtime::files::LATE_MS;

/// The longest time to resend that a client gets if no owner is found repeatedly, in milliseconds.
const LONGEST_MS: u32 = 5_000;
/// Commands that may wait for their ack; more are refused with a time to resend.
const PENDING: usize = 256;

impl CustomerSocket {
    /// Passes a command or signal of the customer to the link's owner. The response to a command
    /// comes through [`next`](Self::next).
    ///
    /// # Errors
    /// If no owner can accept it: nothing was done, and the client resends it. If a file is not the
    /// customer's, or gone.
    pub async fn submit(&mut self, mut content: CustomerContent) -> Result<(), SubmitError> {
        let id = match &mut content {
            CustomerContent::Command(command) => {
                self.prepare(command).await?;
                Some(command.id.clone())
            }
            CustomerContent::Typing { .. } | CustomerContent::Read { .. } => None,
        };
        let input = CustomerInput {
            customer: self.customer.clone(),
            session: self.session,
            socket: SocketAddress { node: self.shared.node, socket: self.number },
            content,
        };
        let event = CustomerEvent::Input(Box::new(input));
        if self.shared.router.send_to_owner(&self.link, event).is_err() {
            self.shared.status.metrics().unavailable("owner");
            // Usually another node is taking over; if not, clients should ask less often.
            let retry_after_ms = (MOVED_MS << self.missed.min(8)).min(LONGEST_MS);
            self.missed += 1;
            return Err(SubmitError::Unavailable { retry_after_ms });
        }
        self.missed = 0;
        if let Some(id) = id {
            self.cursor.start_pending(id);
        }
        Ok(())
    }

    /// Looks up what the desk needs for a command, and counts it against the rates.
    async fn prepare(&mut self, command: &mut CustomerCommand) -> Result<(), SubmitError> {
        let unavailable = SubmitError::Unavailable { retry_after_ms: RETRY_MS };
        match &mut command.action {
            CustomerAction::Start { answers, .. } => {
                self.learn_name(answers).await.map_err(|_| unavailable)?;
            }
            CustomerAction::Share { ids, files, taken, .. } => {
                (*files, *taken) = self.own_files(ids).await?;
            }
            _ => {}
        }
        let begins = command.action.opens();
        let cursor = &self.cursor;
        let repeated = cursor.is_pending(&command.id);
        if !repeated && cursor.pending() >= PENDING {
            return Err(unavailable);
        }
        let new = begins && !repeated && !cursor.open && !cursor.counted;
        if let (true, Some(address)) = (new, self.address) {
            self.shared.admission.conversation(address).map_err(|TooMany { retry_after_ms }| {
                SubmitError::RateLimited { retry_after_ms }
            })?;
        }
        if new && self.customer.name.is_none() {
            self.look_up_name().await;
        }
        self.cursor.counted = begins && (self.cursor.counted || new);
        Ok(())
    }

    /// The files with these ids, and whether one of them is in a message already: then the desk
    /// decides whether this command is a resend of that message.
    async fn own_files(&self, ids: &[FileId]) -> Result<(Arc<[File]>, bool), SubmitError> {
        let found = self.shared.store.files_of(self.customer.id, ids).await;
        let found = found.map_err(|error| {
            tracing::debug!(%error, "cannot read a customer's files");
            SubmitError::Unavailable { retry_after_ms: RETRY_MS }
        })?;
        let until = self.shared.world.now().plus(LATE_MS);
        let stays = |kept: &&StoredFile| {
            let waits = kept.expires_at.is_none_or(|at| until < at);
            kept.tenant == self.customer.tenant && (kept.is_taken || waits)
        };
        let of_theirs = |id: &FileId| {
            let kept = found.iter().filter(stays).find(|kept| kept.file.id == *id)?;
            Some(kept.file.clone())
        };
        let files: Option<Vec<File>> = ids.iter().map(of_theirs).collect();
        let taken = found.iter().any(|kept| kept.is_taken);
        Ok((files.ok_or(SubmitError::NoSuchFile)?.into(), taken))
    }

    /// Stores the name from the form before the chat.
    async fn learn_name(&mut self, answers: &[(Arc<str>, Arc<str>)]) -> Result<(), StoreError> {
        if let (None, Some(name)) = (&self.customer.name, people::in_form(answers)) {
            let Shared { store, world, .. } = &*self.shared;
            // Remembered only if it was stored: a resent `start` tries again.
            self.customer = people::named(&**store, &**world, &self.customer, &name, false).await?;
            self.shared.hub.know(&self.customer);
        }
        Ok(())
    }

    /// Another tab, perhaps on another node, may have stored a name since this socket opened. If it
    /// cannot be read, the conversation begins without it: storing that needs the same database.
    async fn look_up_name(&mut self) {
        if let Ok(Some(customer)) = self.shared.store.customer(self.customer.id).await
            && customer.name.is_some()
        {
            self.shared.hub.know(&customer);
            self.customer = customer;
        }
    }
}
