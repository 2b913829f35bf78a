//! The words agents command with.
