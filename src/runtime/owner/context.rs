//! What an owner of a link works with. It outlives terms.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::unfit::Unfit;
use crate::chat::desk::DeskLimits;
use crate::chat::ids::{LinkDomain, NodeId};
use crate::ports::cache::Cache;
use crate::ports::store::Store;
use crate::ports::world::World;
use crate::runtime::edge::hub::Hub;
use crate::runtime::files::Files;
use crate::runtime::peers::PeerSender;
use crate::runtime::router::Router;
use crate::runtime::status::Status;

pub(in crate::runtime) struct Owner {
    pub(in crate::runtime) link: LinkDomain,
    pub(in crate::runtime) node: NodeId,
    pub(in crate::runtime) limits: DeskLimits,
    pub(in crate::runtime) store: Arc<dyn Store>,
    pub(in crate::runtime) world: Arc<dyn World>,
    pub(in crate::runtime) router: Arc<Router>,
    pub(in crate::runtime) hub: Arc<Hub>,
    pub(in crate::runtime) cache: Arc<dyn Cache>,
    pub(in crate::runtime) peers: PeerSender,
    pub(in crate::runtime) status: Arc<Status>,
    pub(in crate::runtime) files: Files,
    /// Agents were told that nothing can be stored, and not yet that it is over.
    pub(in crate::runtime) agents_told: AtomicBool,
    pub(in crate::runtime) unfit: Unfit,
}
