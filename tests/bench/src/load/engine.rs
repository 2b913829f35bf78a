//! Connections and their bytes: one `epoll`, one thread.
//!
//! Invariant: everything that arrived by a wake-up is read before anything is written, and then
//! each connection is written to once.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use anyhow::bail;
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use socket2::{Domain, Socket, Type};

use super::Role;
use super::board::Board;
use super::customer::Memory;

const TIMER: Token = Token(usize::MAX);
const READ: usize = 256 * 1024;
/// Customers per source address, below the number of its ports.
const PER_ADDRESS: usize = 8_000;

struct Connection {
    stream: TcpStream,
    role: Box<dyn Role>,
    /// The beginning of an incomplete frame or stanza.
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    connecting: bool,
    /// Whether it is in the list of connections to write to.
    dirty: bool,
}

pub(crate) struct Engine {
    poll: Poll,
    events: Events,
    connections: Vec<Option<Connection>>,
    dirty: Vec<usize>,
    buffer: Vec<u8>,
    timer: OwnedFd,
    start: Instant,
    opened: usize,
    pub(crate) board: Board,
}

impl Engine {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let poll = Poll::new()?;
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK)?;
        poll.registry().register(&mut SourceFd(&timer.as_raw_fd()), TIMER, Interest::READABLE)?;
        Ok(Self {
            poll,
            events: Events::with_capacity(1_024),
            connections: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; READ],
            timer,
            start: Instant::now(),
            opened: 0,
            board: Board::new()?,
        })
    }

    /// Nanoseconds since the start.
    pub(crate) fn clock(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Takes over an open connection that has logged in.
    pub(crate) fn adopt(
        &mut self,
        stream: std::net::TcpStream,
        role: Box<dyn Role>,
    ) -> anyhow::Result<usize> {
        stream.set_nonblocking(true)?;
        self.add(TcpStream::from_std(stream), role, false)
    }

    /// Opens a connection to a port of this machine. Connections come from several source
    /// addresses, because one does not have enough ports; dropped connections are reset, so that
    /// their ports are free again.
    pub(crate) fn open(&mut self, port: u16, role: Box<dyn Role>) -> anyhow::Result<usize> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_linger(Some(Duration::ZERO))?;
        let source = 2 + self.opened / PER_ADDRESS % 250;
        self.opened += 1;
        let source = Ipv4Addr::new(127, 0, 1, u8::try_from(source).unwrap_or(1));
        socket.bind(&SocketAddr::V4(SocketAddrV4::new(source, 0)).into())?;
        let server = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
        match socket.connect(&server.into()) {
            Err(error) if error.raw_os_error() != Some(IN_PROGRESS) => bail!(error),
            _ => self.add(TcpStream::from_std(socket.into()), role, true),
        }
    }

    fn add(
        &mut self,
        mut stream: TcpStream,
        role: Box<dyn Role>,
        connecting: bool,
    ) -> anyhow::Result<usize> {
        let number = self.connections.len();
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(number), both)?;
        let (inbox, outbox) = (Vec::new(), Vec::new());
        let made = Connection { stream, role, inbox, outbox, connecting, dirty: false };
        self.connections.push(Some(made));
        Ok(number)
    }

    /// The number that the next connection will have.
    pub(crate) fn next_connection(&self) -> usize {
        self.connections.len()
    }

    /// Drops a connection; returns what its customer needs to reconnect.
    pub(crate) fn close(&mut self, connection: usize) -> Option<Memory> {
        self.connections.get_mut(connection)?.take()?.role.memory()
    }

    /// Sends a message that was due at `intended`, with everything else this wake-up sends.
    pub(crate) fn say(&mut self, voice: usize, intended: u64) {
        let Some(number) = self.board.connection(voice) else { return };
        let Some(Some(connection)) = self.connections.get_mut(number) else { return };
        let message = self.board.say(voice, intended);
        connection.role.say(voice, message, &mut connection.outbox);
        if !connection.dirty {
            connection.dirty = true;
            self.dirty.push(number);
        }
    }

    /// Schedules the next wake-up, with microsecond precision.
    pub(crate) fn wake_at(&self, at: u64) -> anyhow::Result<()> {
        let wait = at.saturating_sub(self.clock()).max(1);
        let nanoseconds = Timespec {
            tv_sec: i64::try_from(wait / 1_000_000_000)?,
            tv_nsec: i64::try_from(wait % 1_000_000_000)?,
        };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Itimerspec { it_interval: never, it_value: nanoseconds };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Writes what is pending, waits for input, and handles it.
    pub(crate) fn turn(&mut self, patience: Duration) -> anyhow::Result<()> {
        self.flush();
        match self.poll.poll(&mut self.events, Some(patience)) {
            Err(error) if error.kind() != ErrorKind::Interrupted => bail!(error),
            _ => {}
        }
        self.board.now = self.clock();
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in events.iter().filter(|event| event.token() != TIMER) {
            let number = event.token().0;
            if let Err(error) = self.serve(number, event.is_readable()) {
                self.end(number, &error);
            }
        }
        self.events = events;
        self.flush();
        Ok(())
    }

    fn serve(&mut self, number: usize, readable: bool) -> anyhow::Result<()> {
        let Some(Some(connection)) = self.connections.get_mut(number) else { return Ok(()) };
        if connection.connecting {
            if let Some(error) = connection.stream.take_error()? {
                bail!(error);
            }
            if connection.stream.peer_addr().is_err() {
                return Ok(());
            }
            connection.connecting = false;
            connection.role.opened(&mut connection.outbox);
        }
        let mut open = true;
        while readable && open {
            let count = match connection.stream.read(&mut self.buffer) {
                Ok(0) => bail!("closed"),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => bail!(error),
            };
            let came = self.buffer.get(..count).unwrap_or_default();
            let Connection { role, inbox, outbox, .. } = connection;
            if inbox.is_empty() {
                let used = role.take(came, outbox, &mut self.board)?;
                inbox.extend_from_slice(came.get(used..).unwrap_or_default());
            } else {
                inbox.extend_from_slice(came);
                let used = role.take(inbox, outbox, &mut self.board)?;
                inbox.drain(..used);
            }
            if inbox.is_empty() && inbox.capacity() > 0 {
                *inbox = Vec::new();
            }
            // A read that does not fill the buffer was the last.
            open = count == READ;
        }
        if !connection.outbox.is_empty() && !connection.dirty {
            connection.dirty = true;
            self.dirty.push(number);
        }
        Ok(())
    }

    pub(crate) fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for number in dirty.drain(..) {
            let Some(Some(connection)) = self.connections.get_mut(number) else { continue };
            connection.dirty = false;
            let outbox = &mut connection.outbox;
            match connection.stream.write(outbox) {
                Ok(count) if count == outbox.len() => {
                    outbox.clear();
                    // Most customers are idle.
                    if outbox.capacity() > 4_096 {
                        *outbox = Vec::new();
                    }
                }
                // The rest is sent when the socket is writable again.
                Ok(count) => drop(outbox.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => self.end(number, &error.into()),
            }
        }
        self.dirty = dirty;
    }

    fn end(&mut self, number: usize, why: &anyhow::Error) {
        let ended = self.connections.get_mut(number).and_then(Option::take);
        if let Some(mut connection) = ended {
            self.board.remember(why.to_string());
            connection.role.closed(&mut self.board);
        }
    }
}

const IN_PROGRESS: i32 = 115;
