//! Cache and bus: in this process, or through Redis.
