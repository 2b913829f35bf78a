//! What all sockets of a node share.

use std::sync::Arc;

use super::hub::Hub;
use super::tenants::Tenants;
use crate::chat::ids::NodeId;
use crate::ports::cache::Cache;
use crate::ports::store::Store;
use crate::ports::world::World;
use crate::runtime::admission::Admission;
use crate::runtime::files::FileRules;
use crate::runtime::router::Router;
use crate::runtime::status::Status;

pub(in crate::runtime) struct Shared {
    pub(in crate::runtime) node: NodeId,
    pub(in crate::runtime) store: Arc<dyn Store>,
    pub(in crate::runtime) cache: Arc<dyn Cache>,
    pub(in crate::runtime) world: Arc<dyn World>,
    pub(in crate::runtime) admission: Arc<Admission>,
    pub(in crate::runtime) router: Arc<Router>,
    pub(in crate::runtime) hub: Arc<Hub>,
    pub(in crate::runtime) status: Arc<Status>,
    /// Limits for files of tenants that set none.
    pub(in crate::runtime) files: FileRules,
    pub(in crate::runtime) tenants: Tenants,
}
