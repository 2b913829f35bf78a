//! Contract of the cache.
