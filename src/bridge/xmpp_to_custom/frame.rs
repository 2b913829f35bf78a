//! What a customer is told, as a frame.
