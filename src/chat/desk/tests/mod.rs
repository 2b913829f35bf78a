//! The desk on a stage: plays of what customers and agents see, and random histories.

mod crowd;
mod plays;
mod random;
mod stage;
mod store;
