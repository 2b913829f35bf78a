//! Text made fit for both sides.
