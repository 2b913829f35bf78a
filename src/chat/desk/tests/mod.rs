//! Tests of the desk on a stage: plays of what customers and agents see, and random histories.

mod after_faults;
mod asking;
mod bounds;
mod canned;
mod changes;
mod comings;
mod commands;
mod contacts;
mod crowd;
mod files;
mod hours;
mod known;
mod left;
mod names;
mod namesakes;
mod places;
mod plays;
mod random;
mod rating;
mod receipts;
mod rounds;
mod routes;
mod stage;
mod store;
mod transfers;
mod words;
