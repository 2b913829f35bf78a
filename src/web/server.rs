//! HTTP/1.1 connections, and their graceful end.
//!
//! Invariants: a client that does not finish its request, or does not read its response, is not
//! waited for. The number of connections is limited per address and in all, not counting sockets:
//! beyond an address's limit they are closed, beyond the total they wait to be accepted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper::{Request, Uri};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use warp::filters::BoxedFilter;
use warp::reply::Response;

use super::patient::Patient;
use crate::runtime::admission;

/// The largest head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// The system's send buffer of a connection.
const SENDING_BYTES: usize = 128 * 1024;
/// Connections in all; more wait until one ends.
const CONNECTIONS: usize = 8_192;
/// The least number of connections per address: a browser has six.
const LEAST: u32 = 100;
/// How long responses in flight at a stop have.
const GRACE: Duration = Duration::from_secs(3);
/// The pause after a failed accept (too many open files).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Connections that may wait to be accepted; the system may allow fewer (`net.core.somaxconn`).
/// After a restart of a node all of its customers connect at once, and a client that finds no room
/// retries only a second later.
const WAITING: u32 = 4_096;

/// The other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// The limits of a listener.
#[derive(Debug, Clone)]
pub struct Listening {
    /// Connections from one address, unless that is less than a few browsers have.
    pub per_address: u32,
    /// Addresses that stand for many clients: they are not limited.
    pub proxies: Vec<IpNet>,
    /// The prefix of paths if a proxy passes them unchanged: `/chat`, or empty.
    pub prefix: String,
    /// Timeout of a request's head, and of a connection without a request.
    pub head: Duration,
    /// A client that reads nothing of a response for this long is disconnected.
    pub stall: Duration,
}

impl Default for Listening {
    fn default() -> Self {
        let (proxies, prefix) = (Vec::new(), String::new());
        let (head, stall) = (Duration::from_secs(10), Duration::from_secs(60));
        Self { per_address: LEAST, proxies, prefix, head, stall }
    }
}

/// Opens a listener.
///
/// # Errors
/// If the address is not available.
pub fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // A node that was stopped a moment ago leaves its address in use.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves until `shutdown`, then accepts no more connections, ends those it has, and returns.
/// Sockets live on: see [`Sockets::drain`](crate::websocket::Sockets::drain).
pub async fn serve(
    listener: TcpListener,
    routes: BoxedFilter<(Response,)>,
    listening: Listening,
    shutdown: impl Future<Output = ()>,
) {
    let connections = TaskTracker::new();
    let stop = CancellationToken::new();
    let (listening, open) = (Arc::new(listening), Open::default());
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        let accepted = async {
            // The semaphore is never closed.
            let room = room.clone().acquire_owned().await.ok();
            (room, listener.accept().await)
        };
        let (room, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut shutdown => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Some(place) = open.place(peer.ip(), &listening, room) else {
                    tracing::debug!(address = %peer.ip(), "too many connections from this address");
                    continue;
                };
                let life =
                    connection(stream, Peer(peer), routes.clone(), listening.clone(), stop.clone());
                connections.spawn(async move {
                    life.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept connections, retrying");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    stop.cancel();
    connections.close();
    let _ = tokio::time::timeout(GRACE, connections.wait()).await;
}

async fn connection(
    stream: TcpStream,
    peer: Peer,
    routes: BoxedFilter<(Response,)>,
    listening: Arc<Listening>,
    stop: CancellationToken,
) {
    let (head, stall) = (listening.head, listening.stall);
    let _ = stream.set_nodelay(true);
    // Room in a larger buffer is reported only when much of it is free: a client that reads slowly
    // would look like one that does not read at all.
    let _ = socket2::SockRef::from(&stream).set_send_buffer_size(SENDING_BYTES);
    let filtered = TowerToHyperService::new(warp::service(routes));
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        if let Some(inner) = below(&listening.prefix, request.uri()) {
            *request.uri_mut() = inner;
        }
        filtered.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(Patient::new(stream, stall)), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection failed");
    }
}

/// The path of a request without the prefix; `None` if it does not have it.
fn below(prefix: &str, asked: &Uri) -> Option<Uri> {
    let path = asked.path_and_query()?.as_str();
    let inner = path.strip_prefix(prefix).filter(|_| !prefix.is_empty())?;
    let inner = match inner.chars().next() {
        Some('/') => PathAndQuery::try_from(inner),
        None | Some('?') => PathAndQuery::try_from(format!("/{inner}")),
        Some(_) => return None,
    };
    let mut parts = asked.clone().into_parts();
    parts.path_and_query = Some(inner.ok()?);
    Uri::from_parts(parts).ok()
}

/// The number of open connections by address.
#[derive(Debug, Clone, Default)]
struct Open(Arc<Mutex<HashMap<IpAddr, u32>>>);

impl Open {
    /// A place for another connection; `None` if the address has its maximum.
    fn place(
        &self,
        address: IpAddr,
        listening: &Listening,
        room: Option<OwnedSemaphorePermit>,
    ) -> Option<Place> {
        let address = address.to_canonical();
        let key = admission::key(address);
        if !listening.proxies.iter().any(|net| net.contains(&address)) {
            let mut open = self.lock();
            let open = open.entry(key).or_default();
            if *open >= listening.per_address.max(LEAST) {
                return None;
            }
            *open += 1;
            return Some(Place { open: Some((self.clone(), key)), _room: room });
        }
        Some(Place { open: None, _room: room })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts a connection until it is dropped.
struct Place {
    open: Option<(Open, IpAddr)>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((open, key)) = &self.open else { return };
        if let Entry::Occupied(mut open) = open.lock().entry(*key) {
            *open.get_mut() -= 1;
            if *open.get() == 0 {
                open.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::sync::mpsc;
    use warp::{Filter as _, Reply as _};

    use super::*;

    /// Reports when it is dropped.
    struct Told(mpsc::UnboundedSender<()>);

    impl Drop for Told {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }

    /// A listener whose responses have no end; with a report of each that is dropped.
    async fn endless() -> (SocketAddr, mpsc::UnboundedReceiver<()>) {
        let (tell, dropped) = mpsc::unbounded_channel();
        let routes = warp::any().map(move || {
            let told = Told(tell.clone());
            let pieces = stream::repeat_with(move || {
                let _held = &told;
                Ok::<_, std::io::Error>(Bytes::from_static(&[7; 16 * 1024]))
            });
            warp::reply::stream(pieces).into_response()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (head, stall) = (Duration::from_millis(300), Duration::from_secs(2));
        let listening = Listening { head, stall, ..Listening::default() };
        tokio::spawn(serve(listener, routes.boxed(), listening, std::future::pending()));
        (address, dropped)
    }

    /// Sends a request; the socket has a small receive buffer.
    async fn ask(address: SocketAddr) -> TcpStream {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let mut stream = socket.connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream
    }

    #[tokio::test]
    async fn a_client_that_stops_reading_is_disconnected() {
        let (address, mut dropped) = endless().await;
        let mut stopped = ask(address).await;
        assert!(stopped.read_u8().await.is_ok());
        let ended = tokio::time::timeout(Duration::from_secs(20), dropped.recv()).await;
        assert_eq!(ended.expect("the response was dropped"), Some(()));
    }

    #[tokio::test]
    async fn a_slow_reader_is_served() {
        let (address, mut dropped) = endless().await;
        let mut slow = ask(address).await;
        let mut buffer = vec![0; 16 * 1024];
        for _ in 0..100 {
            slow.read_exact(&mut buffer).await.expect("it goes on");
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        assert!(dropped.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_connection_without_a_request_is_closed() {
        let (address, _dropped) = endless().await;
        for begins in [&b""[..], b"GET / HT"] {
            let mut idle = TcpStream::connect(address).await.unwrap();
            idle.write_all(begins).await.unwrap();
            let mut rest = Vec::new();
            let ended = idle.read_to_end(&mut rest);
            let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
            let _ = ended.expect("the connection ended");
        }
    }

    #[test]
    fn a_prefix_is_removed_if_present() {
        let table = [
            ("/chat", "/chat/v1/acme/ws", Some("/v1/acme/ws")),
            ("/chat", "/chat/x?y=/chat", Some("/x?y=/chat")),
            ("/chat", "/chat", Some("/")),
            ("/chat", "/chat?x", Some("/?x")),
            ("/chat", "/chatter", None),
            ("/chat", "/v1/acme/ws", None),
            ("", "/v1/acme/ws", None),
        ];
        for (prefix, asked, inner) in table {
            let found = below(prefix, &asked.parse().unwrap());
            assert_eq!(found.map(|uri| uri.to_string()).as_deref(), inner, "{prefix} {asked}");
        }
    }

    #[test]
    fn connections_are_limited_per_address_except_for_proxies() {
        let proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let listening = Listening { per_address: 1, proxies, ..Listening::default() };
        let open = Open::default();
        let place = |address: &str| open.place(address.parse().unwrap(), &listening, None);
        let mut places: Vec<Place> = (0..LEAST).map(|_| place("192.0.2.1").unwrap()).collect();
        assert!(place("192.0.2.1").is_none() && place("::ffff:192.0.2.1").is_none());
        assert!(place("192.0.2.2").is_some());
        places.pop();
        assert!(place("192.0.2.1").is_some());
        let proxied: Vec<Place> = (0..1_000).filter_map(|_| place("10.1.1.1")).collect();
        assert_eq!(proxied.len(), 1_000);
        drop((places, proxied));
        assert!(open.lock().is_empty());
    }
}
