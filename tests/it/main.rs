//! Every test that needs real servers, in one binary. `tests/run.sh` starts the servers and says
//! where they are in `COUPLET_TEST_SERVERS`; a missing server fails a test, it never skips it.

mod cache;
mod link;
mod store;
mod support;
