//! A TCP proxy that can cut connections, swallow data, or be slow.
//!
//! Invariant: a connection that has swallowed something never passes anything again, because no
//! network loses a piece in the middle of a stream: the two ends have to detect the loss
//! themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What happens to data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is passed on.
    Pass,
    /// Every connection is closed, and new ones are refused.
    Cut,
    /// It is swallowed, and the sender is not told.
    HalfOpen,
    /// It is passed on later.
    Delay(Duration),
}

#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) port: u16,
    mode: watch::Sender<Mode>,
    open: Arc<AtomicUsize>,
}

impl Way {
    /// A proxy to a port on loopback.
    pub(crate) async fn to(target: u16) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = listener.local_addr()?.port();
        let mode = watch::Sender::new(Mode::Pass);
        let open = Arc::new(AtomicUsize::new(0));
        tokio::spawn(carry(listener, target, mode.subscribe(), open.clone()));
        Ok(Self { port, mode, open })
    }

    /// Sets the mode, for existing connections too.
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// The number of open connections.
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}

async fn carry(
    listener: TcpListener,
    target: u16,
    mode: watch::Receiver<Mode>,
    open: Arc<AtomicUsize>,
) {
    loop {
        let Ok((near, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let (mode, open) = (mode.clone(), open.clone());
        tokio::spawn(async move {
            open.fetch_add(1, Ordering::Relaxed);
            connection(near, target, mode).await;
            open.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

async fn connection(near: TcpStream, target: u16, mut mode: watch::Receiver<Mode>) {
    let at_first = *mode.borrow();
    if at_first == Mode::Cut {
        return reset(&near);
    }
    let _ = near.set_nodelay(true);
    let far = if at_first == Mode::HalfOpen {
        None
    } else {
        TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, target))).await.ok()
    };
    let Some(far) = far else {
        if at_first == Mode::HalfOpen {
            let (mut near, _keep) = near.into_split();
            swallow(&mut near, &mut mode).await;
        }
        return;
    };
    let _ = far.set_nodelay(true);
    let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
    let mut cut = mode.clone();
    tokio::select! {
        () = both(pass(near_in, far_out, mode.clone()), pass(far_in, near_out, mode)) => {}
        _ = cut.wait_for(|mode| *mode == Mode::Cut) => {}
    }
}

/// Waits until one direction has ended in a way that the other end may learn of.
async fn both(one: impl Future<Output = ()>, other: impl Future<Output = ()>) {
    tokio::select! {
        () = one => {}
        () = other => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut mode: watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let count = match from.read(&mut buffer).await {
            Ok(count @ 1..) => count,
            // The end of a connection is not passed on through a broken proxy, either.
            _ => {
                let _ = mode.wait_for(|mode| *mode != Mode::HalfOpen).await;
                return;
            }
        };
        let now = *mode.borrow();
        match now {
            Mode::Pass => {}
            Mode::Delay(pause) => tokio::time::sleep(pause).await,
            Mode::Cut => return,
            Mode::HalfOpen => return swallow(&mut from, &mut mode).await,
        }
        let Some(bytes) = buffer.get(..count) else { return };
        if to.write_all(bytes).await.is_err() {
            return;
        }
    }
}

/// Reads to the end and discards; while the proxy is broken even the end is not passed on.
async fn swallow(from: &mut OwnedReadHalf, mode: &mut watch::Receiver<Mode>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(1..) = from.read(&mut buffer).await {}
    let _ = mode.wait_for(|mode| *mode != Mode::HalfOpen).await;
}

/// Closes with a reset, as a port without a listener does.
fn reset(near: &TcpStream) {
    let _ = socket2::SockRef::from(near).set_linger(Some(Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            loop {
                let (mut tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let (mut read, mut write) = tcp.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        port
    }

    async fn says(tcp: &mut TcpStream, byte: u8) -> bool {
        let mut back = [0];
        let said = async {
            tcp.write_all(&[byte]).await?;
            tcp.read_exact(&mut back).await
        };
        let done = tokio::time::timeout(Duration::from_millis(300), said).await;
        matches!(done, Ok(Ok(_))) && back == [byte]
    }

    #[tokio::test]
    async fn a_way_passes_is_cut_and_swallows() {
        let way = Way::to(echo().await).await.unwrap();
        let connect = || TcpStream::connect(("127.0.0.1", way.port));
        let mut first = connect().await.unwrap();
        assert!(says(&mut first, 1).await);
        assert_eq!(way.open(), 1);
        way.set(Mode::HalfOpen);
        assert!(!says(&mut first, 2).await);
        way.set(Mode::Pass);
        assert!(!says(&mut first, 3).await, "what swallowed once never passes again");
        let mut second = connect().await.unwrap();
        assert!(says(&mut second, 4).await);
        way.set(Mode::Cut);
        assert_eq!(second.read(&mut [0]).await.unwrap_or(0), 0, "closed");
        let mut third = connect().await.unwrap();
        assert!(!says(&mut third, 5).await);
        way.set(Mode::Delay(Duration::from_millis(20)));
        let mut fourth = connect().await.unwrap();
        assert!(says(&mut fourth, 6).await);
    }
}
