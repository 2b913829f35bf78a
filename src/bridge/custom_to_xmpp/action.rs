//! A frame as a command for the desk.
