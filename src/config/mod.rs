//! Configuration: one validated section a file.
