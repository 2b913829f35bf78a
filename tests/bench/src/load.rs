//! The load generator: all customers, browsers, agents and raw components of a measurement, in one
//! thread around one `epoll`.
//!
//! It does not use the clients of `tests/kit`, whose parsers and tasks would be measured too: it reads
//! and writes bytes, and its logins hand over the bare connection.
//!
//! The generator shares two cores with what it measures and must take less than a tenth of them. So
//! there is no task and no timer per connection, no decoded tree, one read and at most one write
//! per connection and wake-up, and buffers are reused.
//!
//! | module | purpose |
//! |---|---|
//! | [`engine`] | connections and their bytes |
//! | [`board`] | which voices may send, what is in flight, what came back and after how long |
//! | [`drive`] | who sends when: as fast as replies arrive, or at a rate |
//! | [`customer`] [`peer`] [`agent`] [`floor`] [`echo`] | what is sent on each kind of connection |

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

pub(crate) trait Role {
    /// The connection is established.
    fn opened(&mut self, out: &mut Vec<u8>);

    /// Consumes the complete part of `bytes`, returns how many bytes that was, and writes the
    /// response.
    ///
    /// # Errors
    /// If the connection has to be closed.
    fn take(&mut self, bytes: &[u8], out: &mut Vec<u8>, board: &mut Board)
    -> anyhow::Result<usize>;

    /// Sends a message for one of its voices.
    fn say(&mut self, voice: usize, message: u64, out: &mut Vec<u8>);

    /// The other side has closed the connection.
    fn closed(&mut self, board: &mut Board);

    /// What a customer needs to reconnect.
    fn memory(&self) -> Option<customer::Memory> {
        None
    }
}
