//! The load generator: all customers, browsers, agents and raw components of a measurement, in one
//! thread around one `epoll`.
//!
//! Why so: what the generator takes of the two cores is missing to what it measures, and is to stay
//! below a tenth. So there is no task and no timer a connection, no decoded tree, one read and at
//! most one write a connection and wake-up, and buffers that are used again.
//!
//! | module | what it answers for |
//! |---|---|
//! | [`engine`] | connections and their bytes |
//! | [`board`] | who may speak, what is on its way, what came back and after how long |
//! | [`drive`] | who speaks when: as fast as answers come, or at a rate |
//! | [`customer`] [`peer`] [`agent`] [`floor`] [`echo`] | what is said on each kind of connection |

pub(crate) mod agent;
pub(crate) mod board;
pub(crate) mod customer;
pub(crate) mod drive;
pub(crate) mod echo;
pub(crate) mod engine;
pub(crate) mod floor;
pub(crate) mod login;
pub(crate) mod peer;

use board::Board;

/// One kind of connection.
pub(crate) trait Role {
    /// The connection stands.
    fn opened(&mut self, out: &mut Vec<u8>);

    /// Takes what is whole of what came, says how many bytes that were, and writes what follows.
    ///
    /// # Errors
    /// Where the connection is at its end.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>, board: &mut Board)
    -> anyhow::Result<usize>;

    /// Says a message for one of its voices.
    fn say(&mut self, voice: usize, message: u64, out: &mut Vec<u8>);

    /// The connection is over, by the other side.
    fn closed(&mut self, board: &mut Board);

    /// What a customer comes back with.
    fn memory(&self) -> Option<customer::Memory> {
        None
    }
}
