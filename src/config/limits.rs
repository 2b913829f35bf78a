//! `[limits]`: limits for one customer, one address and one tenant.

use super::section::Section;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Durable commands a second from one customer, on average. Default 5.
    pub messages_per_second: u32,
    /// Durable commands from one customer in a burst. Default 20.
    pub message_burst: u32,
    /// Durable commands a second from one address. Default ten times the customer's rate.
    pub messages_per_second_per_address: u32,
    /// Kilobytes a second of one customer's frames. Default 32.
    pub kilobytes_per_second: u32,
    /// Kilobytes a second from one address. Default eight times the customer's rate.
    pub kilobytes_per_second_per_address: u32,
    /// `hello` frames and pages of history a minute for one customer. Default 120.
    pub reads_per_minute: u32,
    /// The same for one address. Default ten times the customer's rate.
    pub reads_per_minute_per_address: u32,
    /// Concurrent sockets from one address; an office shares one address. Default 100.
    pub sockets_per_address: u32,
    /// New sessions a minute from one address. Default 60.
    pub sessions_per_minute_per_address: u32,
    /// New conversations an hour from one address. Default 60.
    pub conversations_per_hour_per_address: u32,
    /// Files a minute from one address. Default 20.
    pub files_per_minute_per_address: u32,
    /// The largest file, in megabytes, unless its tenant sets another size; 0 accepts no files.
    /// Default 10.
    pub file_megabytes: u32,
    /// Customers of one tenant who may wait at once. Default 10,000.
    pub queue_length: u32,
    /// Rows of one conversation; at the limit the chat continues in a new one. Default 10,000.
    pub conversation_rows: u32,
    /// Minutes without a message after which a conversation is closed, unless its tenant sets
    /// another time. Default 30.
    pub idle_close_minutes: u32,
    /// Frames queued for one socket before it is closed, to resume later. Default 256.
    pub outbound_frames: u32,
}

impl Limits {
    pub(super) fn read(mut section: Section<'_>) -> Self {
        let mut number = |key, default, range| section.number(key, default, range);
        let messages_per_second = number("messages_per_second", 5, 1..=1_000);
        let kilobytes_per_second = number("kilobytes_per_second", 32, 1..=10_000);
        let reads_per_minute = number("reads_per_minute", 120, 1..=100_000);
        let read = Self {
            messages_per_second,
            message_burst: number("message_burst", 20, 1..=10_000),
            messages_per_second_per_address: number(
                "messages_per_second_per_address",
                messages_per_second * 10,
                1..=100_000,
            ),
            kilobytes_per_second,
            kilobytes_per_second_per_address: number(
                "kilobytes_per_second_per_address",
                kilobytes_per_second * 8,
                1..=100_000,
            ),
            reads_per_minute,
            reads_per_minute_per_address: number(
                "reads_per_minute_per_address",
                reads_per_minute * 10,
                1..=1_000_000,
            ),
            sockets_per_address: number("sockets_per_address", 100, 1..=1_000_000),
            sessions_per_minute_per_address: number(
                "sessions_per_minute_per_address",
                60,
                1..=1_000_000,
            ),
            conversations_per_hour_per_address: number(
                "conversations_per_hour_per_address",
                60,
                1..=1_000_000,
            ),
            files_per_minute_per_address: number("files_per_minute_per_address", 20, 1..=1_000_000),
            file_megabytes: number("file_megabytes", 10, 0..=1_024),
            queue_length: number("queue_length", 10_000, 1..=1_000_000),
            conversation_rows: number("conversation_rows", 10_000, 100..=1_000_000),
            idle_close_minutes: number("idle_close_minutes", 30, 1..=10_080),
            outbound_frames: number("outbound_frames", 256, 16..=65_536),
        };
        section.close();
        read
    }
}
