//! The component stream towards the server that agents use (XEP-0114).
