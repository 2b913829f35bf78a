//! A stream with a scripted server.

use secrecy::SecretString;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::xmpp::login::login;

const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
     xmlns:stream='http://etherx.jabber.org/streams' from='chat.example.org' id='s1'>";

/// A stream that is logged in, with what the server sends together with the handshake.
async fn standing(with_handshake: &str) -> (Stream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let secret = SecretString::from("secret".to_owned());
    let accepting = async {
        let (mut server, _) = listener.accept().await.unwrap();
        until(&mut server, "<stream:stream").await;
        server.write_all(HEADER.as_bytes()).await.unwrap();
        until(&mut server, "</handshake>").await;
        server.write_all(format!("<handshake/>{with_handshake}").as_bytes()).await.unwrap();
        server
    };
    let (stream, server) = tokio::join!(login("chat.example.org", &address, &secret), accepting);
    (stream.unwrap(), server)
}

/// Reads up to the end of a tag, after these words.
async fn until(server: &mut TcpStream, words: &str) -> String {
    let mut read = String::new();
    while !(read.ends_with('>') && read.contains(words)) {
        let byte = server.read_u8().await.unwrap();
        read.push(char::from(byte));
    }
    read
}

/// The stanzas of one turn.
async fn turn(stream: &mut Stream) -> Result<Vec<String>, Lost> {
    stream.turn().await?;
    let mut taken = Vec::new();
    stream.take(|stanza| {
        tree(stanza)?;
        taken.push(String::from_utf8(stanza.to_vec()).unwrap());
        Ok(())
    })?;
    Ok(taken)
}

#[tokio::test]
async fn what_comes_together_is_taken_together() {
    let first = "<message from='example.org'><body>a</body></message>";
    let (mut stream, mut server) = standing(&format!("{first}\n<presence")).await;
    assert_eq!(turn(&mut stream).await.unwrap(), [first], "it came with the handshake");
    let none = timeout(Duration::from_millis(20), turn(&mut stream)).await;
    assert!(none.is_err(), "half a stanza is none");
    server.write_all(b"/><iq/><iq").await.unwrap();
    assert_eq!(turn(&mut stream).await.unwrap(), ["<presence/>", "<iq/>"]);
    server.write_all(b"/>").await.unwrap();
    assert_eq!(turn(&mut stream).await.unwrap(), ["<iq/>"]);
}

#[tokio::test]
async fn what_is_written_together_leaves_together() {
    let (mut stream, mut server) = standing("").await;
    let stanzas = (0..300).map(|number| format!("<a{number}/>")).collect::<Vec<_>>();
    stream.out.extend(stanzas.iter().map(|stanza| stanza.as_str().into()));
    let written = async {
        let read = until(&mut server, "<a299/>").await;
        server.write_all(b"<iq/>").await.unwrap();
        read
    };
    let (turned, read) = tokio::join!(turn(&mut stream), written);
    assert_eq!((turned.unwrap().len(), read), (1, stanzas.concat()));
    assert!(stream.out.is_empty());
}

#[tokio::test]
async fn it_reads_while_the_server_accepts_nothing() {
    let (mut stream, mut server) = standing("").await;
    let stanza = format!("<a>{}</a>", "x".repeat(16 * 1024));
    stream.out.extend((0..2_000).map(|_| stanza.as_str().into()));
    for _ in 0..3 {
        server.write_all(b"<iq/>").await.unwrap();
        assert_eq!(turn(&mut stream).await.unwrap(), ["<iq/>"]);
    }
    assert!(!stream.out.is_empty());
    // A stanza that is partly written is completed, and nothing more is written.
    let read = async {
        let mut read = String::new();
        server.read_to_string(&mut read).await.unwrap();
        read
    };
    let ((), read) = tokio::join!(stream.close(Duration::from_secs(10)), read);
    let said = read.strip_suffix(END).expect("an end");
    assert!(said.len() < 2_000 * stanza.len());
    assert_eq!(said.replace(&stanza, ""), "");
}

#[tokio::test]
async fn its_end_comes_after_all_that_came_before() {
    let (mut stream, mut server) = standing("").await;
    let error = "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
         </stream:error></stream:stream>";
    server.write_all(format!("<iq/>{error}").as_bytes()).await.unwrap();
    let lost = loop {
        match turn(&mut stream).await {
            Ok(stanzas) => assert_eq!(stanzas, ["<iq/>"]),
            Err(lost) => break lost,
        }
    };
    assert!(lost.blames_us(), "{lost:?}");
    assert_eq!(lost.reason, "stream error policy-violation");

    let (mut stream, mut server) = standing("").await;
    server.write_all(b"<iq/></stream:stream>").await.unwrap();
    drop(server);
    assert_eq!(turn(&mut stream).await.unwrap(), ["<iq/>"]);
    let lost = turn(&mut stream).await.unwrap_err();
    assert_eq!(lost, Lost::new("the server closed the stream"));
}

#[test]
fn what_cannot_be_read_is_skipped() {
    for stanza in ["", "<", "<a>", "<a:b/>", "<a></b>", "<!-- -->", "a<b/>"] {
        assert_eq!(tree(stanza.as_bytes()), Ok(None), "{stanza}");
    }
    let read = tree(b"<message xml:lang='en'><x:a xmlns:x='urn:x'/></message>").unwrap().unwrap();
    assert!(read.is("message", ns::COMPONENT) && read.has_child("a", "urn:x"));
}
