//! How files come and go.
