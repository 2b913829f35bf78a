//! Servers that are unreachable.
#![allow(dead_code, reason = "each test uses a part")]

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// A proxy to a server that can be closed, as if nothing listened there, and frozen, as if the
/// server did not respond. Closed at first.
pub(crate) struct Way {
    pub(crate) address: SocketAddr,
    target: watch::Sender<SocketAddr>,
    /// Keeps the port while the proxy does not listen.
    bound: Option<TcpSocket>,
    carrying: Option<JoinHandle<()>>,
    frozen: watch::Sender<bool>,
}

impl Way {
    /// A closed proxy to a server on loopback.
    pub(crate) fn to(port: u16) -> Self {
        let bound = bind(SocketAddr::from(([127, 0, 0, 1], 0)));
        let address = bound.local_addr().unwrap();
        let target = watch::Sender::new(SocketAddr::from(([127, 0, 0, 1], port)));
        let frozen = watch::Sender::new(false);
        Self { address, target, bound: Some(bound), carrying: None, frozen }
    }

    /// Accepts connections.
    pub(crate) fn open(&mut self) {
        let listener = self.bound.take().expect("it is closed").listen(128).unwrap();
        self.carrying =
            Some(tokio::spawn(carry(listener, self.target.subscribe(), self.frozen.subscribe())));
    }

    /// Leads new connections to another server; existing ones stay.
    pub(crate) fn lead_to(&self, port: u16) {
        self.target.send_replace(SocketAddr::from(([127, 0, 0, 1], port)));
    }

    /// Cuts every connection and refuses new ones.
    pub(crate) async fn close(&mut self) {
        let carrying = self.carrying.take().expect("it is open");
        carrying.abort();
        let _ = carrying.await;
        self.bound = Some(bind(self.address));
    }

    /// While frozen, nothing is passed on, but no connection is closed.
    pub(crate) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }
}

fn bind(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn carry(
    listener: TcpListener,
    target: watch::Receiver<SocketAddr>,
    frozen: watch::Receiver<bool>,
) {
    let frozen = Arc::new(frozen);
    let mut carried = JoinSet::new();
    loop {
        let (near, _) = listener.accept().await.unwrap();
        let (frozen, target) = (frozen.clone(), *target.borrow());
        carried.spawn(async move {
            let Ok(far) = TcpStream::connect(target).await else { return };
            let _ = (near.set_nodelay(true), far.set_nodelay(true));
            let ((near_in, near_out), (far_in, far_out)) = (near.into_split(), far.into_split());
            tokio::select! {
                () = pass(near_in, far_out, &frozen) => {}
                () = pass(far_in, near_out, &frozen) => {}
            }
        });
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, frozen: &watch::Receiver<bool>) {
    let mut frozen = frozen.clone();
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let _ = frozen.wait_for(|frozen| !frozen).await;
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
