//! Contract of the link.
