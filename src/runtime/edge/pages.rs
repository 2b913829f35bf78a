//! Reads pages of entries for one socket.
//!
//! Invariants: a page is read once, whatever the client sends meanwhile: waiting for it can be
//! cancelled and resumed. Reading stops when the socket is gone.

use tokio_util::task::AbortOnDropHandle;

use crate::chat::ids::{ConversationId, Seq};
use crate::ports::store::Page;
use crate::ports::store_error::StoreError;

/// Entries per page.
pub(super) const PAGE: u32 = 100;

/// The page that is being read, if any.
#[derive(Debug, Default)]
pub(super) struct Pages(Option<Box<Reading>>);

#[derive(Debug)]
struct Reading {
    conversation: ConversationId,
    after: Seq,
    page: AbortOnDropHandle<Result<Page, StoreError>>,
}

impl Pages {
    /// The entries after `after`, as `read` returns them. Cancel safe: a later call for the same
    /// page returns the same read.
    pub(super) async fn after<F>(
        &mut self,
        conversation: ConversationId,
        after: Seq,
        read: impl FnOnce() -> F,
    ) -> Result<Page, StoreError>
    where
        F: Future<Output = Result<Page, StoreError>> + Send + 'static,
    {
        let reading = match self.0.take() {
            Some(same) if same.conversation == conversation && same.after == after => same,
            _ => {
                let page = AbortOnDropHandle::new(tokio::spawn(read()));
                Box::new(Reading { conversation, after, page })
            }
        };
        let page = (&mut self.0.insert(reading).page).await;
        self.0 = None;
        page.unwrap_or_else(|_| Err(StoreError::Unavailable("reading was aborted".to_owned())))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use uuid::Uuid;

    use super::*;

    const CONVERSATION: ConversationId = ConversationId(Uuid::nil());

    #[derive(Clone, Default)]
    struct Reads {
        begun: Arc<AtomicUsize>,
        ended: Arc<AtomicUsize>,
    }

    impl Reads {
        /// A page that takes a second.
        fn page(&self) -> impl Future<Output = Result<Page, StoreError>> + Send + 'static {
            let Self { begun, ended } = self.clone();
            async move {
                begun.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(Duration::from_secs(1)).await;
                ended.fetch_add(1, Ordering::Relaxed);
                Ok(Page { rows: Vec::new(), more: true })
            }
        }

        fn so_far(&self) -> (usize, usize) {
            (self.begun.load(Ordering::Relaxed), self.ended.load(Ordering::Relaxed))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_is_read_once_although_waiting_is_cancelled() {
        let (mut pages, reads) = (Pages::default(), Reads::default());
        // Like a client that sends a frame every 10 ms.
        let mut tries = 0;
        loop {
            let page = pages.after(CONVERSATION, Seq(1), || reads.page());
            tries += 1;
            if let Ok(page) = tokio::time::timeout(Duration::from_millis(10), page).await {
                assert!(page.unwrap().more);
                break;
            }
        }
        assert!(tries > 50, "{tries}");
        assert_eq!(reads.so_far(), (1, 1));
        let next = pages.after(CONVERSATION, Seq(2), || reads.page()).await;
        assert!(next.is_ok());
        assert_eq!(reads.so_far(), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_read_for_a_socket_that_is_gone() {
        let (mut pages, reads) = (Pages::default(), Reads::default());
        let page = pages.after(CONVERSATION, Seq(1), || reads.page());
        assert!(tokio::time::timeout(Duration::from_millis(10), page).await.is_err());
        drop(pages);
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(reads.so_far(), (1, 0));
    }
}
