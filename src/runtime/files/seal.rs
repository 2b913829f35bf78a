//! File ids that can be told from invented ones without a query.
//!
//! Invariants: half of an id is random, and half is a MAC which shows that a gateway of the same
//! links generated it. An id without it may come from an older version or from other links: it is
//! looked up, with a lower rate.

use ring::hmac;
use uuid::Uuid;

use crate::chat::ids::{FileId, TenantKey};

pub(super) struct Seal(hmac::Key);

impl Seal {
    /// `secret` is known to all nodes and nobody else.
    pub(super) fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The id for these random bytes and this tenant.
    pub(super) fn id(&self, tenant: &TenantKey, chance: [u8; 8]) -> FileId {
        let mut text = b"file ".to_vec();
        text.extend_from_slice(&chance);
        text.extend_from_slice(tenant.as_str().as_bytes());
        let tag = hmac::sign(&self.0, &text);
        let mut id = [0; 16];
        let (first, second) = id.split_at_mut(8);
        first.copy_from_slice(&chance);
        second.iter_mut().zip(tag.as_ref()).for_each(|(byte, tag)| *byte = *tag);
        FileId(Uuid::from_bytes(id))
    }

    /// Whether [`Self::id`] generated this id.
    pub(super) fn is_ours(&self, tenant: &TenantKey, id: FileId) -> bool {
        id.0.as_bytes().first_chunk().is_some_and(|chance| self.id(tenant, *chance) == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_bound_to_a_tenant_and_the_secret() {
        let (acme, other) = (TenantKey::new("acme").unwrap(), TenantKey::new("other").unwrap());
        let seal = Seal::new(b"secret");
        let id = seal.id(&acme, [7; 8]);
        assert!(seal.is_ours(&acme, id));
        assert!(Seal::new(b"secret").is_ours(&acme, id), "on every node");
        assert!(!seal.is_ours(&other, id));
        assert!(!Seal::new(b"other").is_ours(&acme, id));
        for bit in 0..128 {
            let changed = FileId(Uuid::from_u128(id.0.as_u128() ^ (1 << bit)));
            assert!(!seal.is_ours(&acme, changed), "{bit}");
        }
    }
}
