//! Ad-hoc commands (XEP-0050) with forms (XEP-0004): the same commands as in the chats, for clients
//! that show a list and a form.
//!
//! Invariants, each because a client needs it: one stage and one form; every reply names the node,
//! the status and the session; a note or a form, never both; every field has a label and a `var`.
//! Nothing of this decides anything: a form becomes the line that the agent would have written.

pub mod ask;
pub mod form;
pub mod reply;
